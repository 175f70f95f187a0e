//! Goals as a collector sees them: whole traces, over gRPC and HTTP, and collectors that harm nobody.

mod callers;
mod demo;
mod environment;
mod grpc;
mod http;
mod limits;
mod many;
mod numbers;
mod second_process;
mod seen;
mod sinks;
mod story;
mod trouble;

use std::time::Duration;

use bailiwick::{
    prelude::*,
    telemetry::{Settings, Summary, Telemetry, settings::Transport},
};

/// What the environment of a test says: nothing.
fn settings() -> Settings {
    Settings::from_lookup(|_| None).expect("nothing is asked for")
}

/// Runs goals on a team that an exporter follows, and ends both.
async fn exported(
    endpoint: &str,
    transport: Transport,
    team: bailiwick::Builder,
    goals: impl IntoIterator<Item = Goal>,
) -> (Vec<GoalReport>, Summary) {
    let telemetry = Telemetry::over_otlp(settings().to(endpoint, transport)).expect("it can be addressed");
    let team = team.start().await.expect("a sound team");
    team.followed_by(&telemetry);
    let mut runs = Vec::new();
    for goal in goals {
        runs.push(team.submit(goal).await.expect("there is room"));
    }
    let mut reports = Vec::new();
    for run in runs {
        reports.push(run.await.expect("the runtime goes on"));
    }
    team.shutdown().await.expect("it ends well");
    (reports, telemetry.shutdown_within(Duration::from_secs(20)).await)
}
