//! A ractor actor as an agent: it keeps its state from attempt to attempt, answers from a later message, and when it
//! dies its supervisor has another.
//!
//! ```text
//! unverified: fetch page 1
//!   goal #1 by crawler: unverified
//! page 1, the first of this tenant
//! unverified: fetch page 2
//!   goal #1 by crawler: unverified
//! page 2, number 2 of this tenant
//! unverified: fetch the cursed page
//!   goal #1 by crawler: failed, AGENT_ERROR: the actor died: nobody reads this page and lives
//!   goal #2 by crawler: unverified
//!   trust in crawler: 0.50 -> 0.40
//! cursed page, the first of this tenant
//! ```

use std::time::Duration;

use bailiwick::prelude::*;
use bailiwick_examples::show;
use ractor::{Actor, ActorProcessingErr, ActorRef};

/// Any actor will do, as long as its message can be made of an `AgentMessage`.
struct Crawler;

enum CrawlerMessage {
    Fetch(AgentMessage),
    Fetched { page: String, reply: AgentReply },
}

impl From<AgentMessage> for CrawlerMessage {
    fn from(message: AgentMessage) -> Self {
        CrawlerMessage::Fetch(message)
    }
}

impl Actor for Crawler {
    type Msg = CrawlerMessage;
    type State = u32;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Self::Msg>, (): ()) -> Result<u32, ActorProcessingErr> {
        Ok(0)
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        fetched: &mut u32,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            CrawlerMessage::Fetch(AgentMessage { task, reply, .. }) => {
                let page = task.goal().trim_start_matches("fetch ").trim_start_matches("the ").to_owned();
                // An error or a panic here takes the tenant, its seat and this attempt, and nothing else.
                if page.contains("cursed") && task.attempt() == 1 {
                    return Err("nobody reads this page and lives".into());
                }
                // The reply waits in a later message: the actor is free for others meanwhile.
                myself.send_after(Duration::from_millis(5), || CrawlerMessage::Fetched { page, reply });
            }
            CrawlerMessage::Fetched { page, reply } => {
                *fetched += 1;
                let which = if *fetched == 1 { "the first".to_owned() } else { format!("number {fetched}") };
                // Nobody wants it any more if the attempt ended in the meantime.
                reply.answer(Output::text(format!("{page}, {which} of this tenant")));
            }
        }
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), bailiwick::Error> {
    let bailiwick = Bailiwick::builder().agent(agent_actor("crawler", ["fetch"], || (Crawler, ()))).start().await?;

    for page in ["fetch page 1", "fetch page 2", "fetch the cursed page"] {
        let report = bailiwick.submit(Goal::new(page).needs_capability("fetch")).await?.await?;
        show(&report);
        println!("{}", report.output().map(ToString::to_string).unwrap_or_default());
    }

    bailiwick.shutdown().await
}
