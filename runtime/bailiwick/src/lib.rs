//! A runtime for teams of agents: it hands out work with exactly as much authority as the work needs, watches it being
//! done, believes only what was verified, and survives whatever its agents do.
//!
//! ```
//! use bailiwick::prelude::*;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), bailiwick::Error> {
//! let bailiwick = Bailiwick::builder()
//!     .agent(agent_fn("adder", ["sum"], |task| async move { Ok(Output::text(format!("done: {}", task.goal()))) }))
//!     .start()
//!     .await?;
//!
//! let report = bailiwick.submit(Goal::new("2 + 2").verify(Verify::contains("done"))).await?.await?;
//!
//! assert_eq!(report.verified()?.as_text()?, "done: 2 + 2");
//! bailiwick.shutdown().await
//! # }
//! ```

pub mod builder;
pub mod error;
pub mod event_line;
pub mod explain;
pub mod handlers;
pub mod history;
pub mod picture;
pub mod preview;
pub mod report;
pub mod resume;
pub mod run;
pub mod runtime;
pub mod team;
pub mod team_file;
pub mod testing;
#[cfg(feature = "tower")]
pub mod tower;

pub use bailiwick_actors as actors;
pub use bailiwick_protocols as protocols;
#[cfg(feature = "telemetry")]
pub use bailiwick_telemetry as telemetry;

pub use builder::Builder;
pub use error::{Error, ResumeError, SubmitError, TeamError};
pub use explain::Explanation;
pub use handlers::Handlers;
pub use report::GoalReport;
pub use resume::{OpenGoal, Standing};
pub use run::{EventStream, RunEvent, RunHandle};
pub use runtime::Bailiwick;
pub use team_file::{Inputs, Problems, TeamFile};
#[cfg(feature = "tower")]
pub use tower::{TeamService, agent_service};

/// What most programs need: `use bailiwick::prelude::*`.
pub mod prelude {
    #[cfg(feature = "schema")]
    pub use bailiwick_actors::agents::agent_typed;
    #[cfg(feature = "http")]
    pub use bailiwick_actors::tools::HttpGet;
    pub use bailiwick_actors::{
        agents::{
            Agent, AgentContext, AgentError, AgentMessage, AgentReply, AgentSpec, NotAnswered, NotHad, Question, agent,
            agent_actor, agent_blocking, agent_fn,
            command::{CommandSpec, command},
            scripted::{ScriptedReply, scripted},
        },
        planners::{Plan, PlanRequest, Planner, fixed::fixed},
        policies::{Scene, SupervisorPolicy},
        routers::{RouteScene, Routed, Router, standard::StandardRouter},
        tools::{Need, ReadFile, Tool, ToolError, WriteFile},
        trust_tracker::models::TrustModel,
        verifiers::{
            Judge, JudgeAnswer, JudgeQuestion, ScriptedJudge, Verifier, Work, verifier, verify_async, verify_fn,
        },
    };
    pub use bailiwick_protocols::{
        AgentFact, Cost, Delegation, Directive, Effects, Goal, JudgeSpec, Limits, Outcome, Output, OutputFormat,
        OutputSpec, Permissions, PolicyFact, Refusal, Report, Reversibility, Ruling, Slice, Task, Timestamp,
        TrustRecord, TrustScore, Usage, Verdict, Verify, event::Route, trust::Evidence,
    };
    pub use futures::StreamExt;

    pub use crate::{Bailiwick, GoalReport, RunHandle, TeamFile};
}
