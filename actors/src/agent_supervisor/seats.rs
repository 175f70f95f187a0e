//! A seat: our shim around the agent, one assignment at a time. It can be killed, and takes only its attempt with it.

use std::{panic::AssertUnwindSafe, sync::Arc};

use bailiwick_protocols::{Cause, DelegationId, Report, Traceparent};
use futures::FutureExt;
use ractor::{Actor, ActorProcessingErr, ActorRef, ActorStatus, SupervisionEvent};
use tokio::sync::watch;

use crate::{
    address::{Address, Envelope, Origin},
    agents::{AgentContext, Claims, DynAgent, Peers, Seated, TenantEnd},
    messages::{GoalMessage, SeatMessage, SupervisorMessage},
    switchboard::Switchboard,
    world::{AbortOnDrop, World},
};

/// The actor of one seat.
pub struct Seat {
    /// The world.
    pub world: World,
    /// Where goals are reached.
    pub lines: Switchboard,
    /// Its supervisor.
    pub supervisor: Address<SupervisorMessage>,
    /// Itself.
    pub address: Address<SeatMessage>,
    /// The agent's code.
    pub agent: Arc<dyn DynAgent>,
}

/// The assignment at hand. Dropping it aborts the agent's task.
pub struct Carried {
    delegation: DelegationId,
    cause: Option<Cause>,
    trace: Option<Traceparent>,
    stop: watch::Sender<bool>,
    _task: AbortOnDrop,
}

/// What a seat holds from its start to its end. Dropping it ends a tenant too.
pub struct Holding {
    seated: Arc<dyn Seated>,
    carried: Option<Carried>,
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.seated.close();
    }
}

impl Actor for Seat {
    type Msg = Envelope<SeatMessage>;
    type State = Holding;
    type Arguments = ();

    async fn pre_start(&self, myself: ActorRef<Self::Msg>, (): ()) -> Result<Self::State, ActorProcessingErr> {
        Ok(Holding { seated: self.agent.clone().seat(myself.get_cell()), carried: None })
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        envelope: Self::Msg,
        Holding { seated, carried }: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let (cause, trace) = (envelope.cause.clone(), envelope.trace);
        match envelope.body {
            SeatMessage::Carry { assignment } => {
                let delegation = assignment.delegation.id;
                let (stop, canceled) = watch::channel(false);
                let at = assignment.started;
                let context = AgentContext::new(
                    assignment,
                    canceled,
                    self.address.clone(),
                    self.lines.team.tools.clone(),
                    Peers::of(self.lines.team.clone()),
                    self.world.clock,
                    Claims::of(&self.world.log),
                );
                let (seated, seat, notes) = (seated.clone(), self.address.clone(), context.notes());
                let task = self.world.spawner.spawn_guarded(async move {
                    // The agent's first synchronous steps are inside the guard too.
                    let run = AssertUnwindSafe(async move { seated.carry(context).await }).catch_unwind();
                    let result: Result<Box<Report>, String> = match run.await {
                        Ok(ended) => ended.map(|report| Box::new(notes.settle(report))),
                        Err(panic) => Err(format!("panic: {}", crate::panic_text(&*panic))),
                    };
                    // By the same road as what the agent asked and noted, so that nothing of it is overtaken.
                    let done = SeatMessage::Done { delegation, result };
                    seat.tell(Envelope { origin: Origin::EDGE, cause: None, trace, parent: None, body: done });
                });
                let started = GoalMessage::Started { delegation, at };
                self.lines.tell_goal(delegation.goal, self.envelope(started, &cause, trace, delegation));
                *carried = Some(Carried { delegation, cause, trace, stop, _task: task });
            }
            SeatMessage::Done { delegation, result } => {
                let Some(done) = carried.take_if(|carried| carried.delegation == delegation) else { return Ok(()) };
                match result {
                    Ok(report) => {
                        let report = SupervisorMessage::Report { delegation, report };
                        self.supervisor.tell(self.envelope(report, &done.cause, done.trace, delegation));
                    }
                    Err(said) => return Err(said.into()),
                }
            }
            SeatMessage::Cease => {
                if let Some(carried) = carried {
                    carried.stop.send_replace(true);
                }
            }
            // Whatever an attempt that has ended still wants, nobody may do in the name of the next one.
            SeatMessage::Use { from, request } => match carried.as_ref().filter(|carried| carried.delegation == from) {
                Some(carried) => {
                    let wanted = SupervisorMessage::Use { from, request };
                    self.supervisor.tell(self.envelope(wanted, &carried.cause, carried.trace, from));
                }
                // A dropped reply says so.
                None => drop(request),
            },
            SeatMessage::Ask { from, name, task, reply } => {
                match carried.as_ref().filter(|carried| carried.delegation == from) {
                    Some(carried) => {
                        let ask = SupervisorMessage::Ask { from, name, task, reply };
                        self.supervisor.tell(self.envelope(ask, &carried.cause, carried.trace, from));
                    }
                    None => drop(reply),
                }
            }
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<Self::Msg>,
        event: SupervisionEvent,
        holding: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let (cell, how) = match event {
            SupervisionEvent::ActorFailed(cell, error) => (cell, TenantEnd::Failed(error.to_string())),
            SupervisionEvent::ActorTerminated(cell, _, reason) => match reason.as_deref() {
                Some("killed") => (cell, TenantEnd::Failed("it was killed".to_owned())),
                _ => (cell, TenantEnd::Stopped(reason)),
            },
            _ => return Ok(()),
        };
        if cell.get_status() < ActorStatus::Stopping || !holding.seated.ended(cell.get_id(), &how) {
            return Ok(());
        }
        match how {
            // The assignment at hand hears of it and says how it ended; what was answered before counts.
            _ if holding.carried.is_some() => Ok(()),
            // The next assignment gets another.
            TenantEnd::Stopped(_) => Ok(()),
            TenantEnd::Failed(_) => Err(how.to_string().into()),
        }
    }
}

impl Seat {
    fn envelope<M>(&self, body: M, cause: &Option<Cause>, trace: Option<Traceparent>, on: DelegationId) -> Envelope<M> {
        Envelope { origin: self.address.origin(), cause: cause.clone(), trace, parent: Some(on), body }
    }
}
