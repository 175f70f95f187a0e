//! Who may ever hold what, asked before anything runs.

use bailiwick::{prelude::*, testing::Stage};

fn idle(name: &'static str, may: &[&str]) -> AgentSpec {
    scripted(name, ["idle"], [ScriptedReply::output("")]).permissions(Permissions::parse(may).unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_team_says_who_can_ever_hold_a_permission_and_by_which_chain() {
    let stage = Stage::seeded(1)
        .agent(idle("writer", &["fs.write:out/*", "fs.read:*"]))
        .agent(idle("reader", &["fs.read:repo/*"]))
        .agent(idle("hermit", &["fs.read:*", "net.get:*"]).exclusive())
        .with(|b| b.grants(Permissions::parse(["fs.read:repo/*", "fs.write:out/*"]).unwrap()))
        .open()
        .await;
    let team = stage.bailiwick();
    let chain = |agent, permission: &str| {
        let chain = team.can_ever_hold(agent, &permission.parse().unwrap())?;
        Some(chain.iter().map(ToString::to_string).collect::<Vec<_>>().join(" -> "))
    };
    let through = |first, agent, permission: &str| {
        let chain = team.can_ever_hold_through(first, agent, &permission.parse().unwrap())?;
        Some(chain.iter().map(ToString::to_string).collect::<Vec<_>>().join(" -> "))
    };

    assert_eq!(chain("writer", "fs.write:out/a").as_deref(), Some("writer"));
    assert_eq!(chain("reader", "fs.write:out/a"), None, "its own permissions do not allow it");
    assert_eq!(chain("hermit", "net.get:example.org"), None, "the team grants nothing of it");
    assert_eq!(through("reader", "writer", "fs.read:repo/a").as_deref(), Some("reader -> writer"));
    assert_eq!(through("reader", "writer", "fs.write:out/a"), None, "the reader cannot hand on what it does not hold");
    assert_eq!(through("hermit", "writer", "fs.read:repo/a"), None, "it hands nothing on");
}
