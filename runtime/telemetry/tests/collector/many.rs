//! Many goals at once, with default settings; only the end may take longer than by default: all is counted here, and a
//! debug build makes and sends its last thousands of spans more slowly than a machine in use would.

use bailiwick::{prelude::*, telemetry::settings::Transport};

use super::{exported, grpc::GrpcCollector, http::Manner};

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_goals_at_once_lose_no_root() {
    const GOALS: usize = 2_000;
    let collector = GrpcCollector::start(Manner::Answers).await;
    let agent = agent_fn("ada", ["speak"], |_| async { Ok(Output::text("hello")) }).max_concurrent(64);
    let goal = || Goal::new("hello").needs_capability("speak").verify(Verify::contains("hello"));

    let (reports, summary) = exported(
        &collector.endpoint,
        Transport::Grpc,
        Bailiwick::builder().agent(agent),
        std::iter::repeat_with(goal).take(GOALS),
    )
    .await;

    let seen = collector.seen();
    assert_eq!(reports.len(), GOALS);
    assert_eq!((summary.dropped, summary.missed), (0, 0), "{summary:?}");
    assert_eq!(seen.roots().len(), GOALS);
    assert_eq!(seen.named("invoke_agent").len(), GOALS);
}
