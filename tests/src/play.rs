//! A Stage under observation: while a story runs and when it is over, the laws are checked.

use std::{
    ops::Deref,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bailiwick::{
    GoalReport, RunHandle,
    actors::directory::WAITING_PLACES,
    prelude::Goal,
    protocols::GoalId,
    testing::{Stage, StageBuilder},
};

use crate::laws;

/// A goal that has not ended after this much virtual time never will.
const NEVER: Duration = Duration::from_secs(30 * 24 * 3600);

/// A Stage whose laws are checked.
pub struct Play {
    stage: Arc<Stage>,
    goals: Mutex<Vec<GoalId>>,
    auditor: tokio::task::JoinHandle<()>,
}

/// Opens a Stage, and watches it from now on.
pub async fn open(builder: StageBuilder) -> Play {
    let stage = Arc::new(builder.open().await);
    let watched = Arc::downgrade(&stage);
    let auditor = tokio::spawn(async move {
        // Often at first, where things happen; then seldom, so that an hour is not long.
        let mut pause = Duration::from_millis(37);
        loop {
            tokio::time::sleep(pause).await;
            pause = (pause * 5 / 4).min(Duration::from_secs(60));
            let Some(stage) = watched.upgrade() else { return };
            if let Err(difference) = stage.audit().await {
                panic!("a fold is not what is live: {difference}");
            }
        }
    });
    Play { stage, goals: Mutex::default(), auditor }
}

impl Deref for Play {
    type Target = Stage;
    fn deref(&self) -> &Stage {
        &self.stage
    }
}

impl Play {
    /// Submits a goal.
    pub async fn submit(&self, goal: Goal) -> RunHandle {
        let run = self.stage.submit(goal).await;
        self.goals.lock().unwrap_or_else(PoisonError::into_inner).push(run.goal_id());
        run
    }

    /// Waits for the end of a goal.
    pub async fn end_of(&self, run: RunHandle) -> GoalReport {
        let id = run.goal_id();
        match tokio::time::timeout(NEVER, run).await {
            Ok(Ok(report)) => report,
            Ok(Err(error)) => panic!("the runtime ended: {error}"),
            Err(_) => panic!("the goal never ended:\n{:#?}", crate::kinds(&self.goal_stream(id))),
        }
    }

    /// Submits a goal, waits for its end, and checks the laws.
    pub async fn run(&self, goal: Goal) -> GoalReport {
        let run = self.submit(goal).await;
        let report = self.end_of(run).await;
        self.check().await;
        report
    }

    /// Every goal that was submitted and has not settled.
    pub fn live_goals(&self) -> Vec<GoalId> {
        let goals = self.goals.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let settled = |goal: &GoalId| self.goal_stream(*goal).iter().any(|one| one.event.kind() == "goal_settled");
        goals.into_iter().filter(|goal| !settled(goal)).collect()
    }

    /// Submits a goal and waits for its end, while others may still run: the laws are checked later.
    pub async fn run_to_its_end(&self, goal: Goal) -> GoalReport {
        let run = self.submit(goal).await;
        self.end_of(run).await
    }

    /// The stream of a goal that ended.
    pub fn events(&self, report: &GoalReport) -> Vec<Arc<bailiwick::protocols::Recorded>> {
        self.goal_stream(report.goal_id)
    }

    /// Checks the laws. Every goal must have ended.
    ///
    /// # Panics
    /// If one is broken.
    pub async fn check(&self) {
        // The last words of the goals are on their way.
        tokio::time::sleep(Duration::from_secs(5)).await;
        if self.auditor.is_finished() {
            panic!("the auditor found a fold that is not what is live");
        }
        if let Err(difference) = self.stage.audit().await {
            panic!("a fold is not what is live: {difference}");
        }
        let goals = self.goals.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for goal in goals {
            laws::of_goal(&self.stage, goal);
        }
        if let Err(change) = laws::decides_the_same(&self.log()) {
            panic!("{change}");
        }
        for reading in self.bailiwick().trust() {
            laws::of_agent(&self.stage, &reading.agent);
            let entry = self.entry(&reading.agent).expect("it is in the team");
            assert_eq!(entry.in_flight(), 0, "{}: something is still in flight", reading.agent);
            let all = i64::from(entry.seats + WAITING_PLACES);
            assert_eq!(entry.permits.free(), all, "{}: a permit did not come home", reading.agent);
        }
    }
}

impl Drop for Play {
    fn drop(&mut self) {
        self.auditor.abort();
    }
}
