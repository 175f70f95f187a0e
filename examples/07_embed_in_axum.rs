//! A team inside a web service: a goal comes in as JSON, its report goes out, and a caller that hangs up cancels it.
//!
//! ```text
//! POST /goals {"goal":"2 + 3"}
//! 200 {"agents":["calculator"],"code":null,"outcome":"verified","output":"5"}
//! POST /goals {"goal":"two + 3"}
//! 422 {"agents":["calculator"],"code":"AGENT_ERROR","outcome":"failed","output":null}
//! POST /goals {"goal":" "}
//! 400 {"error":"the goal has no text; task `goal` has no goal"}
//! ```

use axum::{Json, Router, extract::State, http::StatusCode, routing::post};
use bailiwick::{Error, TeamService, prelude::*};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tower::ServiceExt;

/// The handler: `TeamService` is a `tower::Service`, cheap to clone. If the caller hangs up, axum drops this future, and
/// the goal it waits for is canceled.
async fn run(State(team): State<TeamService>, Json(asked): Json<Value>) -> (StatusCode, Json<Value>) {
    let goal = Goal::new(asked["goal"].as_str().unwrap_or_default()).verify(Verify::regex("^[0-9]+$")).retries(0);
    match team.oneshot(goal).await {
        Ok(report) => {
            let status = if report.verified().is_ok() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
            let whole = report.to_json();
            let agents: Vec<_> = report.tasks.iter().filter_map(|task| task.agent()).map(|a| a.to_string()).collect();
            let (outcome, code, output) = (&whole["outcome"], &whole["code"], &whole["output"]["content"]);
            (status, Json(json!({ "outcome": outcome, "code": code, "output": output, "agents": agents })))
        }
        // Nothing of it started.
        Err(Error::Submit(error)) => (StatusCode::BAD_REQUEST, Json(json!({ "error": error.to_string() }))),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "error": error.to_string() }))),
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let bailiwick = Bailiwick::builder()
        .agent(agent_fn("calculator", ["sum"], |task: AgentContext| async move {
            let mut sum = 0;
            for number in task.goal().split('+') {
                sum += number.trim().parse::<i64>()?;
            }
            Ok(Output::text(sum.to_string()))
        }))
        .start()
        .await?;

    let app = Router::new().route("/goals", post(run)).with_state(bailiwick.service(["sum"]));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = tokio::spawn(async move { axum::serve(listener, app).await });

    for text in ["2 + 3", "two + 3", " "] {
        let body = json!({ "goal": text }).to_string();
        println!("POST /goals {body}");
        println!("{}", ask(address, &body).await?);
    }

    server.abort();
    bailiwick.shutdown().await
}

/// Any HTTP client would do; this one needs nothing but a socket. Returns status and body.
async fn ask(address: std::net::SocketAddr, body: &str) -> Result<String, std::io::Error> {
    let mut line = TcpStream::connect(address).await?;
    let head = format!(
        "POST /goals HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}",
        body.len()
    );
    line.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).await?;
    let mut answer = String::new();
    line.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).unwrap_or_default();
    Ok(format!("{status} {body}"))
}
