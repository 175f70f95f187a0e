//! A collector over HTTP/1.1 in a few lines of the standard library; shared with the tests of the program.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use opentelemetry_proto::tonic::collector::{
    metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest,
};
use prost::Message;

use super::seen::Seen;

/// A collector that listens; it ends with the process.
pub struct HttpCollector {
    pub endpoint: String,
    pub seen: Arc<Mutex<Seen>>,
    /// The headers of the last request.
    #[allow(dead_code, reason = "not every test binary asks for it")]
    pub headers: Arc<Mutex<String>>,
}

impl HttpCollector {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let endpoint = format!("http://{}", listener.local_addr().expect("it is bound"));
        let (seen, headers) = (Arc::new(Mutex::new(Seen::default())), Arc::new(Mutex::new(String::new())));
        let (all, last) = (seen.clone(), headers.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, headers) = (all.clone(), last.clone());
                thread::spawn(move || while answer(&stream, &seen, &headers).is_some() {});
            }
        });
        Self { endpoint, seen, headers }
    }

    pub fn seen(&self) -> Seen {
        self.seen.lock().expect("nobody panicked").clone()
    }
}

fn answer(stream: &TcpStream, seen: &Mutex<Seen>, headers: &Mutex<String>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length = |line: &str| line.to_ascii_lowercase().strip_prefix("content-length:").map(|n| n.trim().parse());
    let length: usize = head.lines().find_map(length)?.ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    *headers.lock().expect("nobody panicked") = head.clone();
    let mut seen = seen.lock().expect("nobody panicked");
    match head.split(' ').nth(1)? {
        "/v1/traces" => seen.take_spans(ExportTraceServiceRequest::decode(&body[..]).ok()?),
        "/v1/metrics" => seen.take_metrics(ExportMetricsServiceRequest::decode(&body[..]).ok()?),
        _ => return None,
    }
    drop(seen);
    let mut stream = stream;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n").ok()
}
