//! The tool `http_get` against a server on the loopback: what is fetched, and what never is.
#![cfg(feature = "http")]

use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use bailiwick_actors::tools::{HttpGet, Tool};
use serde_json::{Map, Value, json};

/// Answers every call with these bytes, and counts the calls.
fn server(answer: impl AsRef<[u8]>) -> (u16, Arc<AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback is there");
    let port = listener.local_addr().expect("it is bound").port();
    let (calls, counted) = (Arc::new(AtomicU32::new(0)), answer.as_ref().to_vec());
    let count = calls.clone();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            count.fetch_add(1, Ordering::SeqCst);
            let _ = stream.read(&mut [0; 4096]);
            // Whoever hangs up early has read enough.
            let _ = stream.write_all(&counted);
        }
    });
    (port, calls)
}

fn args(url: &str) -> Map<String, Value> {
    json!({ "url": url }).as_object().cloned().unwrap_or_default()
}

fn tool(port: u16) -> HttpGet {
    HttpGet::allowing([format!("http://127.0.0.1:{port}")]).expect("it is a host")
}

#[tokio::test]
async fn a_page_of_a_listed_host_is_fetched() {
    let page = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\nhello";
    let (port, _) = server(page);

    let said = tool(port).run(args(&format!("http://127.0.0.1:{port}/docs/a"))).await.expect("it is there");

    assert_eq!((&said["status"], &said["content"], &said["truncated"]), (&json!(200), &json!("hello"), &json!(false)));
    assert_eq!(said["content_type"], "text/plain");
}

#[tokio::test]
async fn a_redirect_is_told_and_not_followed() {
    let (elsewhere, reached) = server("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    let location = format!("http://127.0.0.1:{elsewhere}/secret");
    let (port, _) = server(format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n"));

    let said = tool(port).run(args(&format!("http://127.0.0.1:{port}/"))).await.expect("it answers");

    assert_eq!((&said["status"], &said["location"]), (&json!(302), &json!(location)));
    assert_eq!(reached.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn what_is_not_on_the_list_is_not_called_not_even_under_another_port_or_scheme() {
    let (port, calls) = server("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    let other = HttpGet::allowing(["example.org", "http://127.0.0.1:1"]).expect("they are hosts");

    for url in [format!("http://127.0.0.1:{port}/"), format!("http://localhost:{port}/"), "http://example.org/".into()]
    {
        let said = other.run(args(&url)).await.expect_err("it is not on the list");
        assert!(said.contains("is not on the list"), "{said}");
    }
    assert_eq!(calls.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_listed_name_that_leads_home_is_not_called() {
    let (port, calls) = server("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    let tool = HttpGet::allowing([format!("http://localhost:{port}")]).expect("it is a host");

    let said = tool.run(args(&format!("http://localhost:{port}/"))).await.expect_err("localhost is private");

    assert!(said.contains("no public address"), "{said}");
    assert_eq!(calls.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_answer_without_end_is_cut() {
    let (port, _) = server(format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(300_000)));

    let said = tool(port).max_bytes(1_000).run(args(&format!("http://127.0.0.1:{port}/"))).await.expect("it answers");

    assert_eq!((said["content"].as_str().map(str::len), &said["truncated"]), (Some(1_000), &json!(true)));
}
