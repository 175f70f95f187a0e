//! Any ractor actor as an agent: one tenant a seat, unlinked, so that it can neither see nor stop a supervisor.
//!
//! The tenant is started by the first assignment of its seat and serves one after another; it may answer from a later
//! message. The seat monitors it: a tenant that dies takes its attempt and its seat with it, and the seat's supervisor
//! decides when there is another. A seat that ends kills its tenant.

use std::{
    marker::PhantomData,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bailiwick_protocols::{AgentName, Capability, Report};
use futures::future::BoxFuture;
use ractor::{Actor, ActorCell, ActorId, ActorRef, ActorRuntime, Message, SpawnErr};
use tokio::sync::{oneshot, watch};

use super::{AgentContext, AgentError, AgentSpec, DynAgent, Seated, TenantEnd};

/// How long a tenant's `pre_start` may take: 5 s.
pub const START_MAX: Duration = Duration::from_secs(5);

/// How long a reply that was dropped waits for the news that its tenant died: the reason is worth it.
const NEWS_MAX: Duration = Duration::from_millis(50);

/// One attempt, as it comes to an actor: what is asked, and where the answer goes.
#[non_exhaustive]
pub struct AgentMessage {
    /// The brief, its authority, its time, and the road upwards.
    pub task: AgentContext,
    /// Whom to answer, now or from a later message.
    pub reply: AgentReply,
}

/// The one answer to one attempt. Dropped unanswered, the attempt fails at once.
pub struct AgentReply(oneshot::Sender<Result<Report, AgentError>>);

impl AgentReply {
    /// Answers. Returns whether anybody still wanted to know: the attempt may have timed out or been called back.
    pub fn send(self, answer: Result<impl Into<Report>, AgentError>) -> bool {
        self.0.send(answer.map(Into::into)).is_ok()
    }

    /// Answers with an [`Output`](bailiwick_protocols::Output) or a [`Report`].
    pub fn answer(self, report: impl Into<Report>) -> bool {
        self.send(Ok(report))
    }

    /// Says that it cannot be done.
    pub fn fail(self, error: impl Into<AgentError>) -> bool {
        self.send(Err::<Report, _>(error.into()))
    }

    /// Whether anybody still wants an answer.
    pub fn is_wanted(&self) -> bool {
        !self.0.is_closed()
    }
}

/// An actor as an agent; made by [`agent_actor`].
pub struct ActorAgent<F, A> {
    make: Arc<F>,
    _actor: PhantomData<fn() -> A>,
}

/// Makes an agent of an actor whose message type is `From<AgentMessage>`. `make` is called for every tenant.
pub fn agent_actor<C, A, F>(name: impl Into<AgentName>, capabilities: impl IntoIterator<Item = C>, make: F) -> AgentSpec
where
    C: Into<Capability>,
    A: Actor,
    A::Msg: From<AgentMessage>,
    F: Fn() -> (A, A::Arguments) + Send + Sync + 'static,
{
    AgentSpec::new(name, capabilities, Arc::new(ActorAgent { make: Arc::new(make), _actor: PhantomData }))
}

impl<F, A> DynAgent for ActorAgent<F, A>
where
    A: Actor,
    A::Msg: From<AgentMessage>,
    F: Fn() -> (A, A::Arguments) + Send + Sync + 'static,
{
    fn seat(self: Arc<Self>, seat: ActorCell) -> Arc<dyn Seated> {
        let make = self.make.clone();
        Arc::new(Tenancy {
            make: Box::new(move || make()),
            seat,
            held: Mutex::new(Held { tenant: None, closed: false }),
            ended: watch::Sender::new(None),
        })
    }
}

/// What one seat holds: its tenant, if one lives.
struct Tenancy<A: Actor> {
    make: Box<dyn Fn() -> (A, A::Arguments) + Send + Sync>,
    seat: ActorCell,
    held: Mutex<Held<A::Msg>>,
    ended: watch::Sender<Option<(ActorId, String)>>,
}

struct Held<M> {
    tenant: Option<ActorRef<M>>,
    closed: bool,
}

impl<A: Actor> Tenancy<A>
where
    A::Msg: From<AgentMessage>,
{
    fn held(&self) -> MutexGuard<'_, Held<A::Msg>> {
        // Nothing under this lock can panic half-way.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tenant that lives here, or a new one.
    async fn tenant(&self) -> Result<ActorRef<A::Msg>, String> {
        if let Some(tenant) = self.held().tenant.clone() {
            return Ok(tenant);
        }
        let (actor, arguments) = (self.make)();
        let (tenant, starting) =
            ActorRuntime::spawn_instant(None, actor, arguments).map_err(|error| not_started(&error))?;
        // Held and monitored before it runs: from here on it cannot be lost, nor end unseen.
        if !self.held().take(&tenant) {
            return Err("the seat has ended".to_owned());
        }
        self.seat.monitor(tenant.get_cell());
        let problem = match tokio::time::timeout(START_MAX, starting).await {
            Ok(Ok(Ok(_))) => return Ok(tenant),
            Ok(Ok(Err(error))) => not_started(&error),
            Ok(Err(error)) => format!("the actor did not start: {error}"),
            Err(_) => format!("the actor did not start: its pre_start took longer than {} s", START_MAX.as_secs()),
        };
        tenant.kill();
        self.held().tenant = None;
        Err(problem)
    }

    async fn carry(&self, task: AgentContext) -> Result<Report, String> {
        let tenant = self.tenant().await?;
        let (reply, mut answer) = oneshot::channel();
        let mut ended = self.ended.subscribe();
        let id = tenant.get_id();
        let news = async move {
            let mine = |end: &Option<(ActorId, String)>| end.as_ref().is_some_and(|(who, _)| *who == id);
            let end = ended.wait_for(mine).await.ok().and_then(|end| end.clone());
            end.map_or_else(|| "the actor is gone".to_owned(), |(_, why)| why)
        };
        tokio::pin!(news);
        // A mailbox that is closed drops the message, and the reply with it.
        drop(tenant.cast(AgentMessage { task, reply: AgentReply(reply) }.into()));
        let answered = tokio::select! {
            // What was answered counts, even if the tenant died right after.
            biased;
            answered = &mut answer => answered,
            why = &mut news => return Err(why),
        };
        match answered {
            Ok(answer) => Ok(answer.unwrap_or_else(AgentError::into_report)),
            // Whoever dies drops its reply a moment before anybody hears of its death.
            Err(_) => match tokio::time::timeout(NEWS_MAX, news).await {
                Ok(why) => Err(why),
                Err(_) => Ok(AgentError::new("the actor dropped its reply").into_report()),
            },
        }
    }
}

impl<M: Message> Held<M> {
    /// Takes a tenant in, unless the seat has ended: then it is killed.
    fn take(&mut self, tenant: &ActorRef<M>) -> bool {
        if self.closed {
            tenant.kill();
        } else {
            self.tenant = Some(tenant.clone());
        }
        !self.closed
    }
}

impl<A: Actor> Seated for Tenancy<A>
where
    A::Msg: From<AgentMessage>,
{
    fn carry(self: Arc<Self>, task: AgentContext) -> BoxFuture<'static, Result<Report, String>> {
        Box::pin(async move { Tenancy::carry(&self, task).await })
    }

    fn ended(&self, who: ActorId, how: &TenantEnd) -> bool {
        let mut held = self.held();
        if held.tenant.as_ref().is_none_or(|tenant| tenant.get_id() != who) {
            return false;
        }
        held.tenant = None;
        drop(held);
        self.ended.send_replace(Some((who, how.to_string())));
        true
    }

    fn close(&self) {
        let mut held = self.held();
        held.closed = true;
        if let Some(tenant) = held.tenant.take() {
            tenant.kill();
        }
    }
}

fn not_started(error: &SpawnErr) -> String {
    match error {
        SpawnErr::StartupFailed(error) => format!("the actor did not start: {error}"),
        other => format!("the actor did not start: {other}"),
    }
}
