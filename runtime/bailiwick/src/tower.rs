//! Both ways to `tower`, behind the feature `tower`: a service as an agent, and a supervised team as a service.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use bailiwick_actors::{
    agents::{Agent, AgentContext, AgentError, AgentSpec},
    messages::CoordinatorMessage,
    switchboard::Switchboard,
};
use bailiwick_protocols::{AgentName, Capability, Goal, GoalId, Report, outcome::CanceledBy};
use tower_service::Service;

use crate::{Bailiwick, Error, GoalReport, SubmitError, runtime::Door};

/// The error type of services that do not say which: anything that is an error.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A service as an agent; made by [`agent_service`].
pub struct ServiceAgent<S>(Mutex<S>);

/// Makes an agent of a `tower::Service` that answers an [`AgentContext`] with an
/// [`Output`](bailiwick_protocols::Output) or a [`Report`]. Each attempt has a clone of the service and waits until it
/// is ready; limits that are to hold for all of them belong into layers that share their state between clones.
pub fn agent_service<C, S>(
    name: impl Into<AgentName>,
    capabilities: impl IntoIterator<Item = C>,
    service: S,
) -> AgentSpec
where
    C: Into<Capability>,
    S: Service<AgentContext, Future: Send, Response: Into<Report>, Error: Into<BoxError>> + Clone + Send + 'static,
{
    AgentSpec::new(name, capabilities, Arc::new(ServiceAgent(Mutex::new(service))))
}

impl<S> Agent for ServiceAgent<S>
where
    S: Service<AgentContext, Future: Send, Response: Into<Report>, Error: Into<BoxError>> + Clone + Send + 'static,
{
    async fn run(&self, task: AgentContext) -> Result<Report, AgentError> {
        let mut service = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        poll_fn(|context| service.poll_ready(context).map_err(failed)).await?;
        service.call(task).await.map(Into::into).map_err(failed)
    }
}

fn failed(error: impl Into<BoxError>) -> AgentError {
    let error: BoxError = error.into();
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        message.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    AgentError::new(message)
}

/// A team, or one agent of it, as a `tower::Service`: a goal in, its report out. Made by [`Bailiwick::service`] and
/// [`Bailiwick::service_of`]; cheap to clone, and it does
/// not keep the runtime alive.
#[derive(Clone)]
pub struct TeamService {
    door: Door,
    needs: Vec<Capability>,
    agent: Option<AgentName>,
}

impl Bailiwick {
    /// The team as a `tower::Service` that takes goals. A goal that brings neither tasks nor needs of its own is given
    /// `needs`.
    ///
    /// The answer is a report for every outcome; an error only says that the goal was not accepted or the runtime
    /// ended. An answer that is dropped before it is there cancels its goal.
    pub fn service<C: Into<Capability>>(&self, needs: impl IntoIterator<Item = C>) -> TeamService {
        TeamService { door: self.door.clone(), needs: needs.into_iter().map(Into::into).collect(), agent: None }
    }

    /// One agent of the team as a `tower::Service`, under its supervisor: a goal that brings no tasks is one task for
    /// this agent, whoever else could do it. Otherwise as [`service`](Self::service); if nobody is called so, goals fail
    /// with `AGENT_NOT_FOUND`.
    pub fn service_of(&self, agent: impl Into<AgentName>) -> TeamService {
        TeamService { door: self.door.clone(), needs: Vec::new(), agent: Some(agent.into()) }
    }
}

impl Service<Goal> for TeamService {
    type Response = GoalReport;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<GoalReport, Error>> + Send>>;

    /// Ready as long as the runtime lives. Too many live goals are an answer, not a reason to wait.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        match &*self.door.lines.ended().borrow() {
            Some(why) => Poll::Ready(Err(Error::Submit(SubmitError::Ended(why.clone())))),
            None => Poll::Ready(Ok(())),
        }
    }

    fn call(&mut self, mut goal: Goal) -> Self::Future {
        if goal.tasks.is_empty() && goal.needs.is_empty() {
            goal.needs.clone_from(&self.needs);
        }
        if let Some(agent) = self.agent.clone().filter(|_| goal.tasks.is_empty()) {
            // What the task is checked against is the goal's own contract, once, as on the direct road.
            let task = goal.as_task().agent(agent);
            goal.contract = Default::default();
            goal.tasks.push(task);
        }
        let door = self.door.clone();
        Box::pin(async move {
            let id = door.next_id();
            let mut wanted = Wanted { goal: Some(id), lines: door.lines.clone() };
            let answer = match door.submit_as(id, goal).await {
                Ok(run) => run.await,
                Err(error) => Err(error.into()),
            };
            wanted.goal = None;
            answer
        })
    }
}

/// Cancels its goal unless the answer came.
struct Wanted {
    goal: Option<GoalId>,
    lines: Switchboard,
}

impl Drop for Wanted {
    fn drop(&mut self) {
        if let Some(goal) = self.goal {
            let by = CanceledBy::Caller("nobody waits for the answer".to_owned());
            self.lines.coordinator.tell_from_edge(CoordinatorMessage::Cancel { goal: Some(goal), by, graceful: false });
        }
    }
}
