//! A collector that takes everything and keeps nothing: what export is measured against.
//!
//! It speaks just enough HTTP/1.1 for one exporter: a head, a body as long as the head says, and 200.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

/// A collector on a port of this machine. It listens until the process ends.
pub(super) struct Collector {
    pub endpoint: String,
    bytes: Arc<AtomicU64>,
}

impl Collector {
    /// Starts to listen.
    ///
    /// # Errors
    /// If no port or no thread is to be had.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let bytes = Arc::new(AtomicU64::new(0));
        let counted = bytes.clone();
        thread::Builder::new().name("bench-collector".to_owned()).spawn(move || {
            for stream in listener.incoming().flatten() {
                // A connection that breaks is the exporter's to notice.
                while let Ok(Some(length)) = answer(&stream) {
                    counted.fetch_add(length, Ordering::Relaxed);
                }
            }
        })?;
        Ok(Self { endpoint, bytes })
    }

    /// How many bytes of spans have come in.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

/// Takes one request and says how long its body was; `None` once the other side has closed.
fn answer(mut stream: &TcpStream) -> io::Result<Option<u64>> {
    let mut reader = BufReader::new(stream);
    let (mut line, mut length) = (String::new(), 0);
    while line != "\r\n" {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        if let Some(said) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = said.trim().parse().map_err(io::Error::other)?;
        }
    }
    io::copy(&mut reader.by_ref().take(length), &mut io::sink())?;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n")?;
    Ok(Some(length))
}
