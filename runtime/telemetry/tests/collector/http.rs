//! A collector over HTTP/1.1 in a few lines of the standard library, and three that are none; shared with the tests of
//! the program.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use opentelemetry_proto::tonic::collector::{
    metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest,
};
use prost::Message;

use super::seen::Seen;

/// How a collector behaves.
#[derive(Clone, Copy, Debug)]
#[allow(dead_code, reason = "not every test binary asks for each")]
pub enum Manner {
    Answers,
    /// As Jaeger does.
    AnswersTraces,
    Refuses,
    AnswersAfter(Duration),
    NeverAnswers,
}

/// A collector that listens; it ends with the process.
pub struct HttpCollector {
    pub endpoint: String,
    pub seen: Arc<Mutex<Seen>>,
    /// The headers of the last request.
    #[allow(dead_code, reason = "not every test binary asks for it")]
    pub headers: Arc<Mutex<String>>,
}

impl HttpCollector {
    pub fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let endpoint = format!("http://{}", listener.local_addr().expect("it is bound"));
        let (seen, headers) = (Arc::new(Mutex::new(Seen::default())), Arc::new(Mutex::new(String::new())));
        let (all, last) = (seen.clone(), headers.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, headers) = (all.clone(), last.clone());
                thread::spawn(move || while answer(&stream, manner, &seen, &headers).is_some() {});
            }
        });
        Self { endpoint, seen, headers }
    }

    pub fn seen(&self) -> Seen {
        self.seen.lock().expect("nobody panicked").clone()
    }
}

/// Takes one request and answers it in this manner; `None` once nothing more comes.
fn answer(stream: &TcpStream, manner: Manner, seen: &Mutex<Seen>, headers: &Mutex<String>) -> Option<()> {
    let (head, body) = request(stream)?;
    *headers.lock().expect("nobody panicked") = head.clone();
    match manner {
        Manner::AnswersTraces if head.contains("/v1/metrics") => return say(stream, "404 Not Found"),
        Manner::Answers | Manner::AnswersTraces => {}
        Manner::Refuses => return say(stream, "403 Forbidden"),
        #[allow(clippy::disallowed_methods, reason = "this thread is the collector, and it is slow")]
        Manner::AnswersAfter(time) => thread::sleep(time),
        Manner::NeverAnswers => loop {
            thread::park();
        },
    }
    let mut seen = seen.lock().expect("nobody panicked");
    match head.split(' ').nth(1)? {
        "/v1/traces" => seen.take_spans(ExportTraceServiceRequest::decode(&body[..]).ok()?),
        "/v1/metrics" => seen.take_metrics(ExportMetricsServiceRequest::decode(&body[..]).ok()?),
        _ => return None,
    }
    drop(seen);
    say(stream, "200 OK")
}

/// The head and the body of the next request.
fn request(stream: &TcpStream) -> Option<(String, Vec<u8>)> {
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
    Some((head, body))
}

fn say(mut stream: &TcpStream, status: &str) -> Option<()> {
    let rest = "content-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
    stream.write_all(format!("HTTP/1.1 {status}\r\n{rest}").as_bytes()).ok()
}
