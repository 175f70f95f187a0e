//! One goal: plans, offers ready tasks, chooses whom to ask, keeps the ledger; writes its own stream.
//!
//! This file is the mailbox. What follows from a message stands in `step.rs`, what is known in `state.rs`, whom to ask
//! in `choice.rs`, what follows an attempt in `ladder.rs`, what is spent in `ledger.rs`.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use bailiwick_protocols::{AgentName, Cost, DelegationId, Event, GoalId, Stream, Timestamp, Usage};
use futures::FutureExt;
use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};

use crate::{
    address::{Address, Envelope},
    messages::{Asker, CoordinatorMessage, GoalMessage, PoolMessage, Resume, SupervisorMessage},
    switchboard::{Switchboard, plain},
    turn::{Alarm, Due, Outbox},
    verifiers::Work,
    world::{AbortOnDrop, World},
};

pub mod choice;
pub mod ladder;
pub mod ledger;
pub mod plan;
pub mod state;
pub mod step;

use state::GoalState;
use step::{GoalEffect, GoalInput, GoalMachine, GoalScene};

/// How long a planner or synthesiser has for one answer.
const PLANNING_TIMEOUT: Duration = Duration::from_secs(60);

/// The actor of one goal.
pub struct GoalActor {
    /// Which goal.
    pub id: GoalId,
    /// Where it is reached.
    pub address: Address<GoalMessage>,
    /// The world.
    pub world: World,
    /// Where everybody is reached.
    pub lines: Switchboard,
}

/// What one life of a goal holds.
#[derive(Default)]
pub struct Life {
    machine: Option<GoalMachine>,
    outbox: Outbox,
    alarm: Alarm,
    helpers: Vec<AbortOnDrop>,
    ended: bool,
}

impl Actor for GoalActor {
    type Msg = Envelope<GoalMessage>;
    type State = Life;
    type Arguments = ();

    async fn pre_start(&self, myself: ActorRef<Self::Msg>, (): ()) -> Result<Self::State, ActorProcessingErr> {
        self.address.move_in(myself);
        Ok(Life::default())
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        envelope: Self::Msg,
        life: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        use GoalMessage as G;
        let now = self.world.clock.now();
        let cause = envelope.cause;
        let mut answer = None;
        let input = match envelope.body {
            G::Durable => {
                life.outbox.flush(&self.world.log, self.wake(&myself));
                return Ok(());
            }
            G::Audit { reply } => {
                let folded = self.rebuilt().map(|machine| machine.state);
                let answer = match (&life.machine, folded) {
                    (Some(live), Some(folded)) if live.state != folded => {
                        let (live, folded) = (format!("{:?}", live.state), format!("{folded:?}"));
                        Err(format!("goal {}: {}", self.id, crate::difference(&live, &folded)))
                    }
                    // Before its first message it knows nothing yet.
                    _ => Ok(()),
                };
                // Whoever asked may have gone.
                drop(reply.send(answer));
                return Ok(());
            }
            G::Begin { new, resume, reply } => {
                life.machine = match new {
                    Some(accepted) => Some(GoalMachine::accept(&accepted, self.lines.team.clone(), now)),
                    None => self.rebuilt(),
                };
                if life.machine.is_none() {
                    // It died before anything of it was recorded: nobody was promised anything.
                    self.lines
                        .coordinator
                        .tell(plain(self.address.origin(), CoordinatorMessage::Ended { goal: self.id }));
                    return Ok(());
                }
                answer = reply;
                match resume {
                    None => GoalInput::Begin,
                    Some(Resume::GoOn) => GoalInput::Resume { cancel: None },
                    Some(Resume::Cancel(by)) => GoalInput::Resume { cancel: Some(by) },
                }
            }
            G::Tick => {
                life.alarm.rang();
                GoalInput::Tick
            }
            G::Planned { round, answer } => GoalInput::Planned { round, answer },
            G::Started { delegation, at } => GoalInput::Started { delegation, at },
            G::Refused { delegation, refusal } => GoalInput::Refused { delegation, refusal },
            G::Settled { settlement } => GoalInput::Settled { settlement },
            G::Room { agent, permit } => GoalInput::Room { agent, permit },
            G::Examined { verdict, round } => GoalInput::Examined { verdict, round },
            G::Synthesised { round, result, usage, cost } => GoalInput::Synthesised { round, result, usage, cost },
            G::Cancel { by, graceful } => GoalInput::Cancel { by, graceful },
            G::Park => GoalInput::Park,
            G::Sweep => GoalInput::Sweep,
            G::CallOff { from } => GoalInput::CallOff { from },
            G::Judge { seat, agent, question } => GoalInput::Judge { seat, agent, question },
            G::Ask { from, name, task, mandate, lineage } => GoalInput::Ask { from, name, task, mandate, lineage },
        };
        let Some(machine) = &mut life.machine else { return Ok(()) };
        let dice = self.world.dice.clone();
        let scene = GoalScene { now, draw: &mut move || dice.unit(), cause };
        let turn = machine.step(input, scene);
        let (trace, due_next, done) = (machine.state.trace, machine.next_due(), turn.done);
        let stream = Stream::Goal(self.id);
        let dues = turn.commit(&self.world.log, &stream, now, Some(trace), Event::Goal);
        if let Some(reply) = answer {
            let seq = self.world.log.last_seq();
            life.outbox.post(&self.world.log, seq, move || drop(reply.send(Ok(()))));
        }
        for due in dues {
            self.act(&myself, life, due);
        }
        life.outbox.arm(&self.world.log, self.wake(&myself));
        self.set_alarm(&myself, life, due_next);
        if done && !life.ended {
            life.ended = true;
            // Its actor is stopped then: not before whoever waits for it was answered.
            let (coordinator, origin, goal) = (self.lines.coordinator.clone(), self.address.origin(), self.id);
            let seq = self.world.log.last_seq();
            let tell = move || coordinator.tell(plain(origin, CoordinatorMessage::Ended { goal }));
            life.outbox.post(&self.world.log, seq, tell);
            life.outbox.arm(&self.world.log, self.wake(&myself));
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<Self::Msg>,
        _: SupervisionEvent,
        _: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        Ok(())
    }
}

impl GoalActor {
    fn rebuilt(&self) -> Option<GoalMachine> {
        let events = self.world.log.stream(&Stream::Goal(self.id));
        let mut state = GoalState::fold(self.id, self::events(&events))?;
        // As it was recorded: another version may have named it otherwise.
        state.trace = events.first()?.trace.unwrap_or(state.trace);
        Some(GoalMachine::over(state, self.lines.team.clone()))
    }

    fn act(&self, myself: &ActorRef<Envelope<GoalMessage>>, life: &mut Life, due: Due<GoalEffect>) {
        let Due { effect, cause, .. } = due;
        let trace = life.machine.as_ref().map(|machine| machine.state.trace);
        let origin = self.address.origin();
        let tell = |agent: &AgentName, parent: Option<DelegationId>, trace, body| {
            if let Some(supervisor) = self.lines.supervisor(agent) {
                supervisor.tell(Envelope { origin, cause: cause.clone(), trace, parent, body });
            }
        };
        match effect {
            GoalEffect::Delegate { delegation, contract, permit, more } => {
                let (agent, parent) = (delegation.agent.clone(), delegation.parent);
                if self.lines.supervisor(&agent).is_none() {
                    // It left the team since it was chosen, and had nothing of this goal.
                    let (delegation, refusal) = (delegation.id, bailiwick_protocols::Refusal::CalledBack);
                    return self.address.tell(plain(origin, GoalMessage::Refused { delegation, refusal }));
                }
                let trace = Some(delegation.traceparent);
                tell(&agent, parent, trace, SupervisorMessage::Delegate { delegation, contract, permit, more });
            }
            GoalEffect::Ticket { agent } => {
                let weight = life.machine.as_ref().and_then(|m| m.state.goal.settings.priority).unwrap_or(3);
                tell(&agent, None, trace, SupervisorMessage::Ticket { goal: self.id, weight });
            }
            GoalEffect::Revoke { agent, delegation, reason, only_waiting } => {
                self.lines.tell_generations(&agent, || {
                    let body = SupervisorMessage::Revoke { delegation, reason: reason.clone(), only_waiting };
                    Envelope { origin, cause: cause.clone(), trace, parent: Some(delegation), body }
                });
            }
            GoalEffect::Answer { agent, from, name, answer } => {
                self.lines.tell_generations(&agent, || {
                    let (name, answer) = (name.clone(), answer.clone());
                    let body = SupervisorMessage::Answer { from, name, answer };
                    Envelope { origin, cause: cause.clone(), trace, parent: Some(from), body }
                });
            }
            GoalEffect::Forget { agents } => {
                for agent in agents {
                    self.lines.tell_generations(&agent, || {
                        let body = SupervisorMessage::Forget { goal: self.id };
                        Envelope { origin, cause: cause.clone(), trace, parent: None, body }
                    });
                }
            }
            GoalEffect::Examine { contract, output, round, wanted } => {
                let goal = life.machine.as_ref().map(|m| m.state.goal.text.clone()).unwrap_or_default();
                let work = Work::new(output, goal);
                let body = PoolMessage::Examine { asker: Asker::Goal(self.id), contract, work, round, wanted };
                self.lines.pool.tell(Envelope { origin, cause, trace, parent: None, body });
            }
            GoalEffect::Judged { asker, seat, answer } => {
                let body = PoolMessage::Judged { asker, seat, answer };
                self.lines.pool.tell(Envelope { origin, cause, trace, parent: seat.of, body });
            }
            GoalEffect::Plan { request } => {
                let Some(planner) = self.lines.team.planner.clone() else { return };
                let round = request.round;
                self.helper(myself, life, async move {
                    let answer = guarded(planner.plan_boxed(*request)).await;
                    GoalMessage::Planned { round, answer }
                });
            }
            GoalEffect::Synthesise { request } => {
                let Some(synthesiser) = self.lines.team.synthesiser.clone() else { return };
                let round = request.round;
                self.helper(myself, life, async move {
                    let result = guarded(synthesiser.synthesise_boxed(*request)).await;
                    GoalMessage::Synthesised { round, result, usage: Usage::default(), cost: Cost::FREE }
                });
            }
        }
    }

    /// Runs user code beside the mailbox; it ends with this life.
    fn helper(
        &self,
        myself: &ActorRef<Envelope<GoalMessage>>,
        life: &mut Life,
        work: impl Future<Output = GoalMessage> + Send + 'static,
    ) {
        let (myself, origin) = (myself.clone(), self.address.origin());
        let task = self.world.spawner.spawn_guarded(async move {
            let body = work.await;
            drop(myself.cast(plain(origin, body)));
        });
        life.helpers.push(task);
    }

    fn set_alarm(&self, myself: &ActorRef<Envelope<GoalMessage>>, life: &mut Life, due: Option<Timestamp>) {
        let (myself, origin) = (myself.clone(), self.address.origin());
        life.alarm.set(self.world.clock, due, move || drop(myself.cast(plain(origin, GoalMessage::Tick))));
    }

    fn wake(&self, myself: &ActorRef<Envelope<GoalMessage>>) -> impl FnOnce() + Send + 'static + use<> {
        let (myself, origin) = (myself.clone(), self.address.origin());
        move || drop(myself.cast(plain(origin, GoalMessage::Durable)))
    }
}

/// Awaits user code that answers or says why not; a panic and a long silence are such reasons too.
async fn guarded<T>(work: impl Future<Output = Result<T, String>> + Send) -> Result<T, String> {
    match tokio::time::timeout(PLANNING_TIMEOUT, AssertUnwindSafe(work).catch_unwind()).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(panic)) => Err(format!("panic: {}", crate::panic_text(&*panic))),
        Err(_) => Err(format!("no answer within {} s", PLANNING_TIMEOUT.as_secs())),
    }
}

/// What a goal's stream tells, as plain events; for rebuilding one in a test.
pub fn events(
    recorded: &[Arc<bailiwick_protocols::Recorded>],
) -> impl Iterator<Item = (&bailiwick_protocols::GoalEvent, Timestamp)> {
    recorded.iter().filter_map(|recorded| match &recorded.event {
        Event::Goal(event) => Some((event, recorded.at)),
        _ => None,
    })
}
