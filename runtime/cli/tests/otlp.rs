//! `run --otlp` as its users do: the standard variables, signals, programs that are killed, and collectors that sleep.

#[path = "../../telemetry/tests/collector/grpc.rs"]
#[allow(dead_code, reason = "shared with tests that ask for more")]
mod grpc;
#[path = "../../telemetry/tests/collector/http.rs"]
mod http;
#[path = "../../telemetry/tests/collector/seen.rs"]
#[allow(dead_code, reason = "shared with tests that ask for more")]
mod seen;

use std::{
    fs,
    net::TcpListener,
    process::{Child, Command, Output, Stdio},
    thread::sleep,
    time::{Duration, SystemTime},
};

use grpc::GrpcCollector;
use http::{HttpCollector, Manner};
use seen::{Seen, text};
use tempfile::TempDir;

const QUICK: &str = r#"
[agents.ada]
capabilities = ["speak"]
scripted = [ { output = "hello" } ]
"#;

fn team(rest: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let head = "version = 1\nname = \"team\"\ngoal = \"Say hello\"\nneeds = [\"speak\"]\n";
    fs::write(folder.path().join("team.toml"), format!("{head}{rest}")).unwrap();
    folder
}

fn start(folder: &TempDir, args: &[&str], env: &[(&str, &str)]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bailiwick"));
    command.args(["run", "team.toml"]).args(args).current_dir(folder.path()).env("HOME", folder.path());
    command.envs(env.iter().copied()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn program(folder: &TempDir, args: &[&str], env: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bailiwick"));
    command.args(args).current_dir(folder.path()).env("HOME", folder.path()).envs(env.iter().copied());
    command.stdin(Stdio::null()).output().unwrap()
}

fn run(folder: &TempDir, args: &[&str], env: &[(&str, &str)]) -> (Output, Duration) {
    #[allow(clippy::disallowed_methods, reason = "the program is timed from outside")]
    let begun = SystemTime::now();
    let output = start(folder, args, env).wait_with_output().unwrap();
    (output, begun.elapsed().unwrap_or_default())
}

#[test]
fn the_standard_variables_are_honoured() {
    let collector = HttpCollector::start(Manner::Answers);

    let (output, _) = run(
        &team(QUICK),
        &["--otlp"],
        &[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-token=open%20sesame"),
            ("OTEL_SERVICE_NAME", "shop"),
            ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test,service.instance.id=one"),
            ("TRACEPARENT", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ],
    );

    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), &b"hello\n"[..]));
    let seen = collector.seen();
    seen.assert_whole();
    assert_eq!(seen.roots()[0].links[0].1, "caller");
    let resource = &seen.resources["shop"];
    assert_eq!(resource.get("deployment.environment.name").map(text).as_deref(), Some("test"));
    assert_eq!(resource.get("service.instance.id").map(text).as_deref(), Some("one"));
    assert!(seen.resources.contains_key("shop-agent-ada"), "{:?}", seen.resources.keys());
    let headers = collector.headers.lock().unwrap().to_ascii_lowercase();
    assert!(headers.contains("x-token: open sesame"), "{headers}");
}

#[test]
fn without_the_flag_no_connection_is_tried() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());

    let (output, _) = run(&team(QUICK), &[], &[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)]);

    assert_eq!(output.status.code(), Some(0));
    assert!(listener.accept().is_err(), "somebody connected");
}

#[test]
fn a_protocol_that_is_not_there_starts_nothing() {
    let (output, _) = run(&team(QUICK), &["--otlp"], &[("OTEL_EXPORTER_OTLP_PROTOCOL", "carrier-pigeon")]);

    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{stderr}");
    assert!(stderr.contains("use grpc or http/protobuf"), "{stderr}");
}

#[test]
fn an_endpoint_that_wants_encryption_starts_nothing_and_says_what_to_do() {
    if cfg!(feature = "tls") {
        return;
    }
    for protocol in ["grpc", "http/protobuf", ""] {
        let endpoint =
            [("OTEL_EXPORTER_OTLP_ENDPOINT", "https://localhost:4317"), ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)];

        let (output, _) = run(&team(QUICK), &["--otlp"], &endpoint);

        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{stderr}");
        assert!(stderr.contains("build it with the feature `tls`"), "{stderr}");
    }
}

#[test]
fn a_collector_that_never_answers_changes_nothing_but_a_line_on_stderr() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());

    let (output, took) = run(&team(QUICK), &["--otlp"], &[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)]);

    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), &b"hello\n"[..]), "{stderr}");
    assert!(stderr.contains("spans were not exported"), "{stderr}");
    assert!(took < Duration::from_secs(4), "{took:?}");
}

#[test]
fn a_program_that_is_killed_is_one_red_attempt_under_one_root() {
    let collector = HttpCollector::start(Manner::Answers);
    let agent = "[defaults]\nretries = 0\n[agents.ada]\ncapabilities = [\"speak\"]\ncommand = [\"sh\", \"-c\", \"kill -9 $$\"]\n";

    let (output, _) = run(&team(agent), &["--otlp"], &[("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint)]);

    assert_eq!(output.status.code(), Some(1));
    let seen = collector.seen();
    seen.assert_whole();
    let red: Vec<_> = seen.spans.iter().filter(|span| span.error.is_some()).map(|span| span.name.as_str()).collect();
    assert_eq!(red, ["invoke_workflow team", "invoke_agent ada"]);
}

/// One task that is done at once, and one that takes a minute if nobody has begun it before.
const INTERRUPTED: &str = r#"
[[tasks]]
id = "quick"
goal = "x"
needs = ["speak"]
[[tasks]]
id = "slow"
goal = "x"
needs = ["sleep"]
after = ["quick"]
[agents.ada]
capabilities = ["speak"]
scripted = [ { output = "hello" } ]
[agents.bo]
capabilities = ["sleep"]
command = ["sh", "-c", "test -e begun && echo '{\"output\":1}' && exit; touch begun; sleep 60"]
"#;

#[test]
fn sigterm_mid_goal_exits_in_time_loses_nothing_that_had_ended_and_a_resume_tells_the_rest() {
    let collector = HttpCollector::start(Manner::Answers);

    sigterm_mid_goal(&collector.endpoint, "http/protobuf", || collector.seen());
}

#[test]
fn sigterm_mid_goal_over_grpc_is_the_same() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let collector = runtime.block_on(GrpcCollector::start(Manner::Answers));

    sigterm_mid_goal(&collector.endpoint, "grpc", || collector.seen());
}

#[test]
fn sigterm_exits_in_time_where_no_collector_ever_answers() {
    let collector = HttpCollector::start(Manner::NeverAnswers);

    let (_, output) = sigterm(&collector.endpoint, "http/protobuf");

    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("spans were not exported"), "{stderr}");
}

/// Ends a goal in its middle, looks at what was told of it by then, and has it resumed.
fn sigterm_mid_goal(endpoint: &str, protocol: &str, seen: impl Fn() -> Seen) {
    let env = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint), ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)];
    let (folder, _) = sigterm(endpoint, protocol);
    let before = seen();
    let ended: Vec<_> = before.spans.iter().filter(|span| span.says("bailiwick.task.id") == "quick").collect();
    for name in ["bailiwick.task", "bailiwick.delegation", "bailiwick.admission", "invoke_agent ada"] {
        assert_eq!(ended.iter().filter(|span| span.name == name).count(), 1, "{name} had ended: {ended:#?}");
    }
    assert_eq!(before.roots().len(), 0, "the goal has not ended");

    let runs = program(&folder, &["runs", "--json", "--journal", "j.db"], &env);
    let runs: serde_json::Value = serde_json::from_slice(&runs.stdout).expect("one object");
    let goal = runs["runs"][0]["goal_id"].as_str().expect("it is known");
    let resumed = program(&folder, &["resume", goal, "--otlp", "--journal", "j.db"], &env);

    assert_eq!(resumed.status.code(), Some(0), "{}", String::from_utf8_lossy(&resumed.stderr));
    let seen = seen();
    seen.assert_whole();
    let root = seen.roots()[0];
    assert_eq!(root.events_named("bailiwick.resumed").count(), 1);
    let [(last, why)] = &root.links[..] else { panic!("{:?}", root.links) };
    assert!(why == "resumes" && before.by_id(last).is_some(), "it leads back to what was told before");
    let red: Vec<_> = seen.spans.iter().filter(|span| span.error.is_some()).map(|span| span.name.as_str()).collect();
    assert_eq!(red, ["invoke_agent bo"], "what was killed is red, and what came after is not");
}

#[test]
fn a_callers_trace_is_continued_only_if_the_environment_says_so() {
    let (trace, caller) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
    let traceparent = format!("00-{trace}-{caller}-01");
    for (said, is_continued) in [("1", true), ("0", false), ("", false)] {
        let collector = HttpCollector::start(Manner::Answers);
        let env = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint.as_str()),
            ("TRACEPARENT", &traceparent),
            ("BAILIWICK_CONTINUE_TRACE", said),
        ];

        let (output, _) = run(&team(QUICK), &["--otlp", "--json"], &env);

        let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one object");
        assert_eq!(report["trace_id"] == trace, is_continued, "`{said}`: {report}");
        let seen = collector.seen();
        let goal = seen.named("invoke_workflow")[0];
        let hex = |id: &[u8]| id.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(hex(&goal.trace), report["trace_id"], "`{said}`");
        assert!(seen.spans.iter().all(|span| span.trace == goal.trace), "`{said}`");
        if is_continued {
            assert_eq!((hex(&goal.parent).as_str(), goal.links.len()), (caller, 0), "`{said}`");
        } else {
            seen.assert_whole();
            assert_eq!((hex(&goal.links[0].0).as_str(), goal.links[0].1.as_str()), (caller, "caller"), "`{said}`");
        }
    }
}

#[test]
fn bench_prints_a_line_for_each_of_its_three_cases() {
    let output = Command::new(env!("CARGO_BIN_EXE_bailiwick")).args(["bench", "--json", "--quick"]).output().unwrap();

    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<serde_json::Value> =
        String::from_utf8_lossy(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let cases: Vec<_> = lines.iter().map(|line| line["case"].as_str().unwrap_or_default()).collect();
    assert_eq!(cases, ["delegation", "delegation-layer", "delegation-export"]);
    for line in &lines {
        assert_eq!(line["tasks"].as_u64(), Some(500));
        for key in ["seconds", "cpu_s", "tasks_per_s", "tasks_per_cpu_s", "rss_mb", "repeats"] {
            assert!(line[key].as_f64().is_some_and(|number| number > 0.0), "{key}: {line}");
        }
    }
}

/// Ends a goal in its middle; the program has ended in time.
fn sigterm(endpoint: &str, protocol: &str) -> (TempDir, Output) {
    let folder = team(INTERRUPTED);
    let env = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint), ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)];
    let child = start(&folder, &["--otlp", "--journal", "j.db"], &env);
    for _ in 0..200 {
        if folder.path().join("begun").exists() {
            break;
        }
        #[allow(clippy::disallowed_methods, reason = "another process is waited for")]
        sleep(Duration::from_millis(50));
    }

    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    #[allow(clippy::disallowed_methods, reason = "the program is timed from outside")]
    let begun = SystemTime::now();
    let output = child.wait_with_output().unwrap();

    let took = begun.elapsed().unwrap_or_default();
    assert_eq!(output.status.code(), Some(143), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(took < Duration::from_millis(3_500), "{took:?}");
    (folder, output)
}

/// Runs a goal of twelve steps whose journal cannot hold them; nothing is exported before the end.
fn where_files_end(endpoint: &str) -> Output {
    let mut rest = String::from("[agents.ada]\ncapabilities = [\"speak\"]\nreply = \"text\"\n");
    rest += "command = [\"sh\", \"-c\", \"head -c 20000 /dev/zero | tr '\\\\0' x\"]\n";
    (1..=12).for_each(|n| rest += &format!("[[tasks]]\nid = \"t{n}\"\ngoal = \"Step\"\nneeds = [\"speak\"]\n"));
    let folder = team(&rest);
    let script = "trap '' XFSZ; ulimit -f 1500; exec \"$0\" \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_bailiwick"), "run", "team.toml", "--otlp", "--journal", "j.db"]);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint).env("OTEL_BSP_SCHEDULE_DELAY", "3600000");
    command.current_dir(folder.path()).env("HOME", folder.path()).stdin(Stdio::null());
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{stderr}");
    assert!(stderr.contains("cannot be written"), "{stderr}");
    output
}

#[test]
fn a_run_that_ends_by_an_error_exports_what_had_ended_or_says_that_it_could_not() {
    let (answers, silent) = (HttpCollector::start(Manner::Answers), HttpCollector::start(Manner::NeverAnswers));

    let told = where_files_end(&answers.endpoint);
    let untold = where_files_end(&silent.endpoint);

    assert!(!answers.seen().named("invoke_agent ada").is_empty(), "{:#?}", answers.seen().spans);
    assert!(!String::from_utf8_lossy(&told.stderr).contains("telemetry"), "{told:?}");
    let stderr = String::from_utf8_lossy(&untold.stderr);
    assert!(stderr.contains("spans were not exported"), "{stderr}");
    assert!(stderr.find("cannot be written") < stderr.find("telemetry"), "the collector is waited for last: {stderr}");
}

#[test]
fn a_sampler_that_is_not_there_is_told_of_and_everything_is_exported() {
    let collector = HttpCollector::start(Manner::Answers);
    let env = [("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint.as_str()), ("OTEL_TRACES_SAMPLER", "tracidratio")];

    let (output, _) = run(&team(QUICK), &["--otlp"], &env);

    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(stderr.contains("OTEL_TRACES_SAMPLER is `tracidratio`: there is no such sampler"), "{stderr}");
    collector.seen().assert_whole();
}
