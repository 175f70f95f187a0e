//! The tools that ship, on real files: what is ruled on is what is touched.

use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bailiwick::{prelude::*, testing::Stage};
use serde_json::{Map, Value, json};

/// `repo` with a source, a secret beside it, and links of every kind that lead to it.
fn house() -> tempfile::TempDir {
    let house = tempfile::tempdir().unwrap();
    let at = |path: &str| house.path().join(path);
    fs::create_dir_all(at("repo/src")).unwrap();
    fs::create_dir_all(at("repo/private")).unwrap();
    fs::write(at("repo/src/lib.rs"), "//! Größe").unwrap();
    fs::write(at("repo/private/key"), "secret").unwrap();
    fs::write(at("secret"), "secret").unwrap();
    symlink(at("secret"), at("repo/src/absolute")).unwrap();
    symlink("../../secret", at("repo/src/outside")).unwrap();
    symlink("../private", at("repo/src/inside")).unwrap();
    symlink(".", at("repo/src/round")).unwrap();
    house
}

fn args(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

async fn read(tool: &ReadFile, path: &str) -> Result<Value, String> {
    tool.run(args(json!({ "path": path }))).await
}

async fn write(tool: &WriteFile, path: &str, content: &str, append: bool) -> Result<Value, String> {
    tool.run(args(json!({ "path": path, "content": content, "append": append }))).await
}

#[tokio::test]
async fn a_file_below_the_root_is_read_and_cut_between_characters() {
    let house = house();
    let tool = ReadFile::below("repo", house.path().join("repo")).unwrap();

    let whole = read(&tool, "src/lib.rs").await.unwrap();
    let part = tool.run(args(json!({ "path": "src/lib.rs", "max_bytes": 7 }))).await.unwrap();

    assert_eq!(whole, json!({ "bytes": 11, "content": "//! Größe", "truncated": false }));
    assert_eq!(part, json!({ "bytes": 6, "content": "//! Gr", "truncated": true }), "no half of an ö");
}

#[tokio::test]
async fn no_link_and_no_way_up_leads_anywhere() {
    let house = house();
    let reads = ReadFile::below("repo", house.path().join("repo")).unwrap();
    let writes = WriteFile::below("repo", house.path().join("repo")).unwrap();

    for path in [
        "src/absolute",
        "src/outside",
        "src/inside/key",
        "src/round/lib.rs",
        "../secret",
        "src/../../secret",
        "/etc/passwd",
        "src/..",
        "",
        "src",
    ] {
        let refused = read(&reads, path).await;
        assert!(refused.is_err(), "read {path}: {refused:?}");
        for append in [false, true] {
            let refused = write(&writes, path, "overwritten", append).await;
            assert!(refused.is_err(), "write {path}: {refused:?}");
        }
    }
    for path in ["secret", "repo/private/key"] {
        assert_eq!(fs::read_to_string(house.path().join(path)).unwrap(), "secret", "{path}");
    }
}

#[tokio::test]
async fn what_is_no_file_is_refused_at_once_and_never_waited_for() {
    let house = house();
    let pipe = house.path().join("repo/pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let reads = ReadFile::below("repo", house.path().join("repo")).unwrap();
    let writes = WriteFile::below("repo", house.path().join("repo")).unwrap();

    assert!(read(&reads, "pipe").await.is_err());
    assert!(write(&writes, "pipe", "x", true).await.is_err());
    assert!(write(&writes, "pipe", "x", false).await.is_err());
    assert!(read(&reads, "src").await.is_err());
}

#[tokio::test]
async fn whoever_swaps_a_folder_for_a_link_while_it_is_read_gains_nothing() {
    let house = house();
    let repo = house.path().join("repo");
    fs::create_dir(house.path().join("evil")).unwrap();
    fs::write(house.path().join("evil/lib.rs"), "secret").unwrap();
    symlink("../evil", repo.join("evil")).unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let swapping = std::thread::spawn({
        let (repo, done) = (repo.clone(), done.clone());
        move || {
            let swap = |a: &Path, b: &Path| {
                let _ = fs::rename(a, repo.join("aside")).and_then(|()| fs::rename(b, a));
                let _ = fs::rename(repo.join("aside"), b);
            };
            while !done.load(Ordering::Relaxed) {
                swap(&repo.join("src"), &repo.join("evil"));
            }
        }
    });
    let reads = ReadFile::below("repo", &repo).unwrap();
    let writes = WriteFile::below("repo", &repo).unwrap();

    let (mut seen, mut tries) = (0, 0);
    // Whoever swaps may be kept from going on just while nothing is there.
    while tries < 400 || seen == 0 && tries < 1_000_000 {
        tries += 1;
        if let Ok(said) = read(&reads, "src/lib.rs").await {
            assert_eq!(said["content"], "//! Größe");
            seen += 1;
        }
    }
    // A folder that is missing for a moment is made, and ends the swapping: this comes last.
    for _ in 0..400 {
        let _ = write(&writes, "src/other.rs", "mine", false).await;
    }
    done.store(true, Ordering::Relaxed);
    swapping.join().unwrap();

    assert!(seen > 0, "it was never there");
    assert!(!house.path().join("evil/other.rs").exists());
    assert_eq!(fs::read_to_string(house.path().join("evil/lib.rs")).unwrap(), "secret");
}

#[tokio::test]
async fn writing_makes_folders_replaces_at_once_appends_and_keeps_its_bounds() {
    let house = house();
    let out = house.path().join("repo");
    let tool = WriteFile::below("out", &out).unwrap().max_bytes(10);
    let there = |path: &str| fs::read_to_string(out.join(path)).unwrap();

    assert_eq!(write(&tool, "a/b/c.md", "one", false).await, Ok(json!({ "bytes": 3 })));
    assert_eq!(write(&tool, "a/b/c.md", "two", false).await, Ok(json!({ "bytes": 3 })));
    assert_eq!(write(&tool, "a/b/c.md", " three", true).await, Ok(json!({ "bytes": 9 })));
    assert_eq!(there("a/b/c.md"), "two three");

    assert!(write(&tool, "a/b/c.md", "more", true).await.is_err(), "13 bytes are more than 10");
    let much = tool.needs(&args(json!({ "path": "a", "content": "eleven byte" })));
    assert_eq!(much, Err("`content` has 11 bytes; a file may have 10".to_owned()));
    assert_eq!(there("a/b/c.md"), "two three");
    let left: Vec<_> = fs::read_dir(out.join("a/b")).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(left, ["c.md"], "nothing else is left there");
}

#[tokio::test]
async fn what_is_no_text_is_said_to_be_none() {
    let house = house();
    fs::write(house.path().join("repo/image"), [0xff, 0xd8, 0xff]).unwrap();
    let tool = ReadFile::below("repo", house.path().join("repo")).unwrap();

    assert_eq!(read(&tool, "image").await, Err("image: it is not UTF-8 text".to_owned()));
}

/// Copies a file, by tools only.
fn copyist() -> AgentSpec {
    agent_fn("copyist", ["copy"], |task: AgentContext| async move {
        let path = task.param("from").cloned().unwrap_or_default();
        let said = match task.tool("read_file", json!({ "path": path.value() })).await {
            Err(ToolError::Refused(refusal)) => return Ok(Output::text(format!("refused: {refusal}"))),
            said => said?,
        };
        let written = task.tool("write_file", json!({ "path": "copy.txt", "content": said["content"] })).await?;
        Ok(Output::text(format!("{} bytes", written["bytes"])))
    })
    .permissions(Permissions::parse(["fs.read:repo/src/*", "fs.write:out/*"]).unwrap())
}

async fn copies(from: &str) -> (String, bool) {
    let house = house();
    fs::create_dir(house.path().join("out")).unwrap();
    let (repo, out) = (house.path().join("repo"), house.path().join("out"));
    let stage = Stage::seeded(1)
        .agent(copyist())
        .with(|b| b.tool(ReadFile::below("repo", repo).unwrap()).tool(WriteFile::below("out", out).unwrap()))
        .open()
        .await;

    let report = stage.run(Goal::new("copy").param("from", from)).await;

    let violated = stage.agent_stream("copyist").iter().any(|e| e.event.kind() == "violation");
    let copied = fs::read_to_string(house.path().join("out/copy.txt")).is_ok_and(|text| text == "//! Größe");
    let said = report.output().map(ToString::to_string).unwrap_or_default();
    assert_eq!(copied, said == "11 bytes");
    (said, violated)
}

#[tokio::test(start_paused = true)]
async fn an_agent_reads_and_writes_as_far_as_its_mandate_goes() {
    assert_eq!(copies("src/lib.rs").await, ("11 bytes".to_owned(), false));
    assert_eq!(
        copies("private/key").await,
        ("refused: fs.read:repo/private/key is outside the mandate".to_owned(), true)
    );
    assert_eq!(
        copies("src/../private/key").await,
        ("refused: fs.read:repo/src/../private/key is outside the mandate".to_owned(), true)
    );
}
