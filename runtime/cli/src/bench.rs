//! `bailiwick bench`: what a delegation costs here, as one line a case.
//!
//! Each case runs the same goals, a fan-out of tasks over one agent that answers at once: without telemetry, with spans
//! folded and forgotten, and with spans exported over OTLP to a collector in this process, whose work is counted in.

use std::{fs, time::Duration};

use bailiwick::{
    Bailiwick,
    prelude::*,
    protocols::task::Bounds,
    telemetry::{Settings, Telemetry, settings::Transport, sink::Discard},
};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;
use tokio::time::Instant;

use crate::{
    args::{BenchArgs, Case},
    exit::{Exit, Stop},
    stdout,
};

mod collector;

use collector::Collector;

/// Tasks of one goal: a fan-out that is wider than the agent.
const FAN_OUT: usize = 100;
/// Spans that every task leads to at least: itself, its delegation, the admission, the attempt.
const SPANS: usize = 4;
/// How long the exporter may take to catch up, once the goals have ended.
const CATCH_UP: Duration = Duration::from_secs(60);

/// What one run of a case took.
struct Took {
    seconds: f64,
    cpu_s: f64,
}

/// Measures the cases that are asked for, one after the other.
///
/// # Errors
/// If a team cannot be started, a goal fails, or stdout cannot be written.
pub(crate) async fn bench(args: BenchArgs) -> Result<Exit, Stop> {
    let cases = args.case.map_or_else(|| Case::ALL.to_vec(), |case| vec![case]);
    let (goals, repeats) = if args.quick { (5, 3) } else { (50, 5) };
    for case in cases {
        // The first run warms what later ones find warm, and is not counted.
        measure(case, goals.min(5)).await?;
        let mut took = Vec::new();
        for _ in 0..repeats {
            took.push(measure(case, goals).await?);
        }
        let (seconds, cpu_s) = (median(&took, |run| run.seconds), median(&took, |run| run.cpu_s));
        let tasks = goals * FAN_OUT;
        let (per_s, per_cpu_s) = (tasks as f64 / seconds, tasks as f64 / cpu_s);
        let line = if args.json {
            json!({
                "case": case.as_str(), "tasks": tasks, "seconds": rounded(seconds), "cpu_s": rounded(cpu_s),
                "tasks_per_s": per_s.round(), "tasks_per_cpu_s": per_cpu_s.round(), "rss_mb": rounded(rss_mb()),
                "repeats": repeats,
            })
            .to_string()
        } else {
            let micros = 1e6 / per_cpu_s;
            format!("{:<18}{tasks:>7} tasks  {per_s:>9.0} a second  {micros:>7.1} us of CPU each", case.as_str())
        };
        stdout::write(&line)?;
    }
    Ok(Exit::Done)
}

async fn measure(case: Case, goals: usize) -> Result<Took, Stop> {
    let mut settings = Settings::from_lookup(|_| None).map_err(Stop::bug)?;
    settings.metrics = false;
    let mut collector = None;
    let telemetry = match case {
        Case::Delegation => None,
        Case::DelegationLayer => Some(Telemetry::into_sink(settings, Discard).map_err(Stop::bug)?),
        Case::DelegationExport => {
            let endpoint = &collector.insert(Collector::start().map_err(Stop::bug)?).endpoint;
            Some(Telemetry::over_otlp(settings.to(endpoint, Transport::Http)).map_err(Stop::bug)?)
        }
    };
    let agent = agent_fn("ada", ["any"], |_| async { Ok(Output::text("done")) }).max_concurrent(16);
    let team = Bailiwick::builder().agent(agent).seed(1).start().await.map_err(Stop::bug)?;
    if let Some(telemetry) = &telemetry {
        team.followed_by(telemetry);
    }

    let (begun, cpu) = (Instant::now(), cpu_s());
    let mut runs = Vec::new();
    for _ in 0..goals {
        let mut goal = Goal::new("bench").bounds(bounds());
        goal.tasks = (0..FAN_OUT).map(|n| Task::new(format!("t{n}"), "x").needs_capability("any")).collect();
        runs.push(team.submit(goal).await.map_err(Stop::bug)?);
    }
    for run in runs {
        let report = run.await.map_err(Stop::bug)?;
        if report.outcome_word() != "unverified" {
            return Err(Stop::bug(format!("a goal ended {}", report.outcome_word())));
        }
    }
    if let Some(telemetry) = &telemetry {
        telemetry.flush(CATCH_UP).await;
    }
    let took = Took { seconds: begun.elapsed().as_secs_f64(), cpu_s: cpu_s() - cpu };
    team.shutdown().await.map_err(Stop::bug)?;
    // A case that did not do its work measures nothing.
    let least = (goals * FAN_OUT * SPANS) as u64;
    if let Some(summary) = telemetry.map(|telemetry| telemetry.summary())
        && (summary.exported < least || summary.dropped + summary.missed > 0)
    {
        return Err(Stop::bug(format!("of {least} spans and more this became: {summary:?}")));
    }
    if collector.is_some_and(|collector| collector.bytes() < least) {
        return Err(Stop::bug("the collector received less than was exported".to_owned()));
    }
    Ok(took)
}

/// What the run in the middle took.
fn median(runs: &[Took], of: impl Fn(&Took) -> f64) -> f64 {
    let mut all: Vec<f64> = runs.iter().map(of).collect();
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

fn bounds() -> Bounds {
    let mut bounds = Bounds::default();
    bounds.tasks = bounds.tasks.max(FAN_OUT);
    bounds
}

/// CPU time of the whole process so far.
fn cpu_s() -> f64 {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    spent.tv_sec as f64 + spent.tv_nsec as f64 / 1e9
}

/// What the process holds in memory now, in MB; 0 where nobody says.
fn rss_mb() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kilobytes =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok());
    kilobytes.unwrap_or(0.0_f64) / 1024.0
}

fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
