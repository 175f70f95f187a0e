//! Stories of real programs, in real time.

use std::{fs, time::Duration};

use bailiwick_protocols::{Brief, Code, Cost, Failure, Fault, Json, Output, Report};
use serde_json::{Value, json};

use super::*;

/// A shell script as the program; what follows it are its arguments.
fn script(text: &str) -> CommandSpec {
    CommandSpec::new(["sh", "-c", text, "sh"])
}

async fn run(spec: CommandSpec, brief: Brief) -> Result<Report, Failure> {
    let (task, _stop) = fixture::task(brief);
    let agent = CommandAgent::new(spec);
    let ended =
        tokio::time::timeout(Duration::from_secs(30), agent.run(task)).await.expect("the attempt ends by itself");
    let report = ended.unwrap_or_else(AgentError::into_report);
    match report.result {
        Ok(_) => Ok(report),
        Err(failure) => Err(failure),
    }
}

async fn output(spec: CommandSpec) -> Output {
    run(spec, fixture::brief()).await.unwrap().result.unwrap()
}

async fn failure(spec: CommandSpec) -> Failure {
    run(spec, fixture::brief()).await.unwrap_err()
}

async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..500 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what}: not after 5 s");
}

/// Waits for an attempt that was told to stop; a story that goes wrong ends as well.
async fn ended(attempt: tokio::task::JoinHandle<Result<Report, AgentError>>) -> Report {
    let ended = tokio::time::timeout(Duration::from_secs(10), attempt).await.expect("the attempt ends when told to");
    ended.unwrap().unwrap_or_else(AgentError::into_report)
}

/// State, parent and group of a process, of which nothing is left when it has been reaped.
#[cfg(target_os = "linux")]
fn stat(process: &str) -> Option<(char, i32, i32)> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// How many processes of a group live. The dead may still wait for whoever inherited them.
#[cfg(target_os = "linux")]
fn living(group: &str) -> usize {
    let group: i32 = group.parse().unwrap();
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    processes
        .filter_map(|process| stat(&process))
        .filter(|&(state, _, of)| of == group && !"ZX".contains(state))
        .count()
}

#[tokio::test]
async fn a_program_reads_its_task_on_stdin() {
    let brief = Brief { goal: "Écris\n\"ceci\"".into(), ..fixture::brief() };

    let report = run(script("printf '{\"output\":'; cat; printf '}'"), brief).await.unwrap();

    let told = report.result.unwrap();
    assert_eq!(told.content.value()["task"]["goal"], "Écris\n\"ceci\"");
    assert_eq!(told.content.value()["feedback"], Value::Null);
}

#[tokio::test]
async fn what_a_program_consumed_is_on_its_report() {
    let reply = r#"{"output":"hi","usage":{"input_tokens":7,"output_tokens":2},"cost_usd":0.25,"debrief":{"pages":3}}"#;

    let report = run(script(&format!("echo '{reply}'")), fixture::brief()).await.unwrap();

    assert_eq!((report.usage.input_tokens, report.usage.output_tokens), (7, 2));
    assert_eq!((report.cost, report.debrief), (Cost::Known(250_000), Some(Json(json!({ "pages": 3 })))));
}

#[tokio::test]
async fn a_program_need_not_read_its_task() {
    let brief = Brief { goal: "x".repeat(1024 * 1024), ..fixture::brief() };

    let ended = run(script("exec 0<&-; echo '{\"output\":\"done\"}'"), brief.clone()).await;
    let lingering = run(script("sleep 0.2; echo '{\"output\":\"done\"}'"), brief).await;

    assert_eq!(ended.unwrap().result, Ok(Output::text("done")));
    assert_eq!(lingering.unwrap().result, Ok(Output::text("done")));
}

#[tokio::test]
async fn all_three_pipes_are_pumped_at_once() {
    let brief = Brief { goal: "x".repeat(1024 * 1024), ..fixture::brief() };
    // It answers before it reads, and complains all the while: any pipe that is left alone would stop it.
    let text = "head -c 300000 /dev/zero | tr '\\0' e >&2; head -c 300000 /dev/zero | tr '\\0' o; cat; echo end >&2";

    let report = run(script(text).reply(ReplyFormat::Text), brief).await.unwrap();

    assert!(report.result.unwrap().as_text().unwrap().len() > 1024 * 1024 + 300_000);
}

#[tokio::test]
async fn a_text_reply_is_stdout_less_one_newline() {
    let text = output(script("printf 'two\\n\\n'").reply(ReplyFormat::Text)).await;
    let none = output(script("true").reply(ReplyFormat::Text)).await;

    assert_eq!((text, none), (Output::text("two\n"), Output::text("")));
}

#[tokio::test]
async fn a_missing_program_is_final_and_says_what_to_do() {
    let bare = failure(CommandSpec::new(["no-such-program-anywhere"])).await;
    let path = failure(CommandSpec::new(["agents/missing.sh"])).await;
    let none = failure(CommandSpec::new(Vec::<String>::new())).await;
    let folder = failure(script("true").folder("/no/such/folder")).await;

    for failure in [&bare, &path, &none, &folder] {
        assert_eq!((failure.code, failure.retryable, failure.fault), (Code::AgentError, false, Fault::Agent));
    }
    assert!(bare.message.contains("no-such-program-anywhere") && bare.message.contains("install it"), "{bare}");
    assert!(path.message.contains("correct the path"), "{path}");
}

#[tokio::test]
async fn a_program_that_may_not_or_cannot_be_run_is_final() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str, mode| {
        fs::write(folder.path().join(name), text).unwrap();
        fs::set_permissions(folder.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    write("plain.sh", "#!/bin/sh\necho hi\n", 0o644);
    write("orphan.sh", "#!/no/such/interpreter\n", 0o755);
    write("noise", "neither a script nor a program", 0o755);
    let named = async |name| loop {
        let failure = failure(CommandSpec::new([name]).folder(folder.path())).await;
        // Another test that is starting a program may hold the file open for writing for a moment.
        if failure.code != Code::Unavailable {
            return failure;
        }
    };

    let (plain, orphan, noise) = (named("./plain.sh").await, named("./orphan.sh").await, named("./noise").await);

    for (failure, hint) in [(plain, "chmod +x"), (orphan, "interpreter"), (noise, "#!/bin/sh")] {
        assert_eq!((failure.code, failure.retryable), (Code::AgentError, false));
        assert!(failure.message.contains(hint), "{failure}");
    }
}

#[tokio::test]
async fn an_exit_status_is_an_agent_error_that_quotes_stderr() {
    let failure = failure(script("echo '{\"output\":\"fine\"}'; echo 'first' >&2; echo 'no disk' >&2; exit 3")).await;

    assert_eq!((failure.code, failure.retryable), (Code::AgentError, true));
    assert!(failure.message.contains("exit status 3"), "{failure}");
    assert_eq!(failure.stderr.as_deref(), Some("first\nno disk"));
}

#[tokio::test]
async fn a_signal_is_an_agent_error_that_names_it() {
    let failure = failure(script("kill -9 $$")).await;

    assert_eq!(failure.code, Code::AgentError);
    assert!(failure.message.contains("signal 9 (SIGKILL)"), "{failure}");
}

#[tokio::test]
async fn a_declared_error_keeps_its_words_and_whether_to_try_again() {
    let plain = failure(script("echo '{\"error\":{\"message\":\"no such table\"}}'")).await;
    let last = failure(script("echo '{\"error\":{\"message\":\"gone\",\"retryable\":false}}'; exit 1")).await;

    assert_eq!((plain.message.as_str(), plain.retryable), ("no such table", true));
    assert_eq!((last.code, last.retryable), (Code::AgentError, false));
    assert!(last.message.contains("gone") && last.message.contains("exit status 1"), "{last}");
}

#[tokio::test]
async fn what_a_failed_attempt_consumed_is_charged() {
    let reply = r#"{"error":{"message":"gave up"},"usage":{"input_tokens":9},"cost_usd":0.5}"#;
    let (task, _stop) = fixture::task(fixture::brief());

    let error = CommandAgent::new(script(&format!("echo '{reply}'; exit 1"))).run(task).await.unwrap_err();

    let report = error.into_report();
    assert_eq!((report.usage.input_tokens, report.cost), (9, Cost::Known(500_000)));
}

#[tokio::test]
async fn half_a_reply_is_invalid_and_quotes_stderr() {
    for text in ["printf '{\"output\":'", "echo '{\"output\":1} and more'", "echo hello", "true"] {
        let failure = failure(script(&format!("echo why >&2; {text}"))).await;

        assert_eq!((failure.code, failure.retryable), (Code::InvalidOutput, true), "{text}");
        assert_eq!(failure.stderr.as_deref(), Some("why"), "{text}");
    }
}

#[tokio::test]
async fn bytes_that_are_not_utf8_are_invalid_in_either_format() {
    for reply in [ReplyFormat::Json, ReplyFormat::Text] {
        let failure = failure(script(r#"printf '{"output":"caf\351"}'"#).reply(reply)).await;

        assert_eq!(failure.code, Code::InvalidOutput);
        assert!(failure.message.contains("not UTF-8 from byte 14"), "{failure}");
    }
}

#[tokio::test]
async fn eight_mebibytes_are_taken_and_one_byte_more_is_not() {
    let write = |bytes: usize| script(&format!("head -c {bytes} /dev/zero")).reply(ReplyFormat::Text);

    let most = output(write(STDOUT_BYTES_MAX)).await;
    let more = failure(write(STDOUT_BYTES_MAX + 1)).await;

    assert_eq!(most.as_text().unwrap().len(), STDOUT_BYTES_MAX);
    assert_eq!(more.code, Code::InvalidOutput);
}

#[tokio::test]
async fn a_program_that_never_stops_writing_is_killed() {
    let failure = failure(script("trap '' TERM; echo flood >&2; cat /dev/zero & cat /dev/zero; sleep 1000")).await;

    assert_eq!(failure.code, Code::InvalidOutput);
    assert!(failure.message.contains("more than 8388608 bytes"), "{failure}");
    assert_eq!(failure.stderr.as_deref(), Some("flood"));
}

#[tokio::test]
async fn three_mebibytes_of_json_are_read_whole() {
    let text = output(script("printf '{\"output\":\"'; head -c 3145728 /dev/zero | tr '\\0' x; printf '\"}'")).await;

    assert_eq!(text.as_text().unwrap().len(), 3 * 1024 * 1024);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_child_that_holds_stdout_open_neither_delays_nor_survives_the_attempt() {
    let group = output(script("sleep 1000 & sleep 1000 & echo $$").reply(ReplyFormat::Text)).await;

    let group = group.as_text().unwrap().to_owned();
    eventually("the children are gone", || living(&group) == 0).await;
}

#[tokio::test]
async fn what_was_written_just_before_the_exit_is_never_missed() {
    for round in 0..40 {
        let text = output(script("sleep 1000 & exec head -c 60000 /dev/zero").reply(ReplyFormat::Text)).await;

        assert_eq!(text.as_text().unwrap().len(), 60_000, "round {round}");
    }
}

#[tokio::test]
async fn a_child_that_left_the_group_does_not_delay_the_attempt() {
    let attempt = run(script("setsid sleep 20 & echo '{\"output\":\"done\"}'"), fixture::brief());

    let report = tokio::time::timeout(Duration::from_secs(10), attempt).await.expect("it does not wait for the child");

    assert_eq!(report.unwrap().result, Ok(Output::text("done")));
}

#[tokio::test]
async fn a_program_that_is_told_to_stop_may_still_answer() {
    let folder = tempfile::tempdir().unwrap();
    let spec = script("trap 'echo half; exit 0' TERM; sleep 1000 & touch ready; wait").folder(folder.path());
    let (task, stop) = fixture::task(fixture::brief());
    let attempt = tokio::spawn(async move { CommandAgent::new(spec.reply(ReplyFormat::Text)).run(task).await });
    eventually("it runs", || folder.path().join("ready").exists()).await;

    stop.send(true).unwrap();

    assert_eq!(ended(attempt).await.result, Ok(Output::text("half")));
}

#[tokio::test]
async fn a_program_that_ends_because_it_was_told_to_says_so() {
    let (task, stop) = fixture::task(fixture::brief());
    let agent = CommandAgent::new(script("echo hi >&2; sleep 1000"));
    let attempt = tokio::spawn(async move { agent.run(task).await });
    tokio::time::sleep(Duration::from_millis(100)).await;

    stop.send(true).unwrap();

    let failure = ended(attempt).await.result.unwrap_err();
    assert!(failure.message.contains("signal 15 (SIGTERM), after it was told to stop"), "{failure}");
}

#[tokio::test]
async fn nothing_is_started_for_an_attempt_that_is_already_canceled() {
    let folder = tempfile::tempdir().unwrap();
    let (task, stop) = fixture::task(fixture::brief());
    stop.send(true).unwrap();

    let ended = CommandAgent::new(script("touch started").folder(folder.path())).run(task).await;

    assert_eq!(ended.unwrap_err().into_report().result.unwrap_err().code, Code::Canceled);
    assert!(!folder.path().join("started").exists());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_program_that_ignores_sigterm_is_gone_when_the_attempt_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    // The pipe's children ignore the signal as well, for they inherit that.
    let text = "trap '' TERM; sleep 1000 & echo $$ > new; mv new group; while :; do sleep 1000; done | cat";
    let spec = script(text).folder(folder.path());
    let (task, stop) = fixture::task(fixture::brief());
    let attempt = tokio::spawn(async move { CommandAgent::new(spec).run(task).await });
    eventually("it runs", || folder.path().join("group").exists()).await;
    let group = fs::read_to_string(folder.path().join("group")).unwrap().trim().to_owned();

    stop.send(true).unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(living(&group) >= 3, "it does ignore the signal");
    attempt.abort();

    eventually("the group is gone", || living(&group) == 0).await;
    eventually("the leader is reaped", || stat(&group).is_none()).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_program_is_reaped_when_its_attempt_has_ended() {
    let leader = output(script("echo $$").reply(ReplyFormat::Text)).await;

    assert_eq!(stat(leader.as_text().unwrap()), None);
}

#[tokio::test]
async fn the_environment_holds_what_is_named_and_the_trace() {
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some(), "there is something to be kept from it");

    let given = output(CommandSpec::new(["env"]).reply(ReplyFormat::Text)).await;
    let bare = output(CommandSpec::new(["env"]).env(["NO_SUCH_NAME"]).reply(ReplyFormat::Text)).await;

    let trace = "TRACEPARENT=00-0000000000000000000000000000000a-000000000000000b-01";
    let mut lines: Vec<&str> = given.as_text().unwrap().lines().collect();
    lines.sort_unstable();
    assert!(lines.len() == 2 && lines[0].starts_with("PATH=") && lines[1] == trace, "{lines:?}");
    assert_eq!(bare.as_text(), Ok(trace));
}

#[tokio::test]
async fn a_program_runs_in_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("notes"), "here").unwrap();

    let text = output(CommandSpec::new(["cat", "notes"]).folder(folder.path()).reply(ReplyFormat::Text)).await;

    assert_eq!(text, Output::text("here"));
}

#[tokio::test]
async fn values_reach_the_arguments_as_they_are() {
    let nasty = "a b 'c' \"d\"\n$(touch x) ; `e` * {input.depth} é";
    let mut brief = fixture::brief();
    brief.params.insert("path".into(), Json::from(nasty));
    brief.params.insert("depth".into(), Json::from(3));
    let argv = ["sh", "-c", "printf '%s|' \"$@\"", "sh", "{input.path}", "--depth={input.depth}", "{ plain }"];

    let report = run(CommandSpec::new(argv).reply(ReplyFormat::Text), brief).await.unwrap();

    assert_eq!(report.result, Ok(Output::text(format!("{nasty}|--depth=3|{{ plain }}|"))));
}

#[tokio::test]
async fn a_value_the_system_cannot_pass_on_is_final() {
    let spec = || CommandSpec::new(["true", "{input.path}"]);
    let with = |value: String| Brief { params: [("path".to_owned(), Json::from(value))].into(), ..fixture::brief() };

    let unknown = failure(spec()).await;
    let nul = run(spec(), with("a\0b".into())).await.unwrap_err();
    let long = run(spec(), with("x".repeat(4 * 1024 * 1024))).await.unwrap_err();

    for failure in [&unknown, &nul, &long] {
        assert_eq!((failure.code, failure.retryable), (Code::AgentError, false), "{failure}");
    }
    assert!(long.message.contains("stdin"), "{long}");
}

#[tokio::test]
async fn many_programs_at_once_each_get_their_own_answer() {
    let attempts = (0..30).map(|n| output(script(&format!("sleep 0.0{}; echo '{{\"output\":{n}}}'", n % 7))));

    let outputs = futures::future::join_all(attempts).await;

    assert!(outputs.iter().enumerate().all(|(n, output)| *output == Output::json(n)));
}
