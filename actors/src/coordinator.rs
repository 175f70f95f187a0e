//! Takes goals and supervises one GoalActor for each. It owns no stream: which goals are open, the log tells.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use bailiwick_protocols::{GoalId, Refusal, Stream};
use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, ActorStatus, SupervisionEvent};
use tokio::sync::oneshot;

use crate::{
    address::{Address, Envelope},
    audit_log::journal::ends_goal,
    edge::Place,
    goal::GoalActor,
    messages::{AcceptedGoal, CoordinatorMessage, GoalMessage, Resume},
    root::Intensity,
    switchboard::{Switchboard, plain},
    world::World,
};

/// Finished goals whose events stay in memory.
pub const FINISHED_MAX: usize = 1_000;

/// The actor.
pub struct Coordinator {
    /// The world.
    pub world: World,
    /// Where everybody is reached.
    pub lines: Switchboard,
    /// Whether goals that have not ended go on by themselves.
    pub resume: bool,
}

/// What one life of the Coordinator holds.
#[derive(Default)]
pub struct Life {
    live: HashMap<ActorId, GoalId>,
    actors: HashMap<GoalId, (ActorRef<Envelope<GoalMessage>>, Place)>,
    deaths: HashMap<GoalId, Intensity>,
    finished: VecDeque<GoalId>,
    waiting: Vec<oneshot::Sender<()>>,
}

impl Actor for Coordinator {
    type Msg = Envelope<CoordinatorMessage>;
    type State = Life;
    type Arguments = ();

    async fn pre_start(&self, myself: ActorRef<Self::Msg>, (): ()) -> Result<Self::State, ActorProcessingErr> {
        self.lines.coordinator.move_in(myself.clone());
        let mut life = Life::default();
        // Those that lived when the Coordinator before died; at the first start nobody did.
        let lived: Vec<GoalId> = self.lines.goals.iter().map(|goal| *goal.key()).collect();
        for goal in lived {
            self.start(&myself, &mut life, goal, Begin::default()).await?;
        }
        if self.resume {
            for goal in self.open_goals() {
                let begin = Begin { resume: Some(Resume::GoOn), ..Begin::default() };
                self.start(&myself, &mut life, goal, begin).await?;
            }
        }
        Ok(life)
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        envelope: Self::Msg,
        life: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match envelope.body {
            CoordinatorMessage::Submit { goal, place, reply } => {
                let begin = Begin { reply: Some(reply), place: Some(place), ..Begin::default() };
                self.start(&myself, life, goal.id, Begin { new: Some(goal), ..begin }).await?;
            }
            CoordinatorMessage::Ended { goal } => self.ended(life, goal),
            CoordinatorMessage::Cancel { goal, by, graceful } => {
                if let Some(goal) = goal.filter(|goal| !life.actors.contains_key(goal)) {
                    if self.is_open(goal) {
                        let begin = Begin { resume: Some(Resume::Cancel(by)), ..Begin::default() };
                        self.start(&myself, life, goal, begin).await?;
                    }
                    return Ok(());
                }
                let ids: Vec<GoalId> = goal.map_or_else(|| life.actors.keys().copied().collect(), |goal| vec![goal]);
                for id in ids {
                    self.lines.cancel(id, &by, graceful);
                    self.tell(id, GoalMessage::Cancel { by: by.clone(), graceful });
                }
            }
            CoordinatorMessage::Resume { goal, reply } => {
                if life.actors.contains_key(&goal) {
                    // It lives already; the caller may have gone in the meantime.
                    drop(reply.send(Ok(())));
                } else if self.is_open(goal) {
                    let Some(place) = self.lines.places.take() else {
                        drop(reply.send(Err(Refusal::Overloaded)));
                        return Ok(());
                    };
                    let (resume, reply, place) = (Some(Resume::GoOn), Some(reply), Some(place));
                    self.start(&myself, life, goal, Begin { resume, reply, place, new: None }).await?;
                }
            }
            CoordinatorMessage::Park { goal } => {
                let ids: Vec<GoalId> = goal.map_or_else(|| life.actors.keys().copied().collect(), |goal| vec![goal]);
                for id in ids {
                    self.tell(id, GoalMessage::Park);
                }
            }
            CoordinatorMessage::WhenIdle { reply } => {
                life.waiting.push(reply);
                life.tell_if_idle();
            }
            CoordinatorMessage::Sweep => {
                for id in life.actors.keys() {
                    self.tell(*id, GoalMessage::Sweep);
                }
            }
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<Self::Msg>,
        event: SupervisionEvent,
        life: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let (cell, why) = match event {
            SupervisionEvent::ActorFailed(cell, error) => (cell, error.to_string()),
            SupervisionEvent::ActorTerminated(cell, _, reason) => (cell, reason.unwrap_or_default()),
            _ => return Ok(()),
        };
        if cell.get_status() < ActorStatus::Stopping {
            return Ok(());
        }
        // One that ended by itself is not in the map any more.
        let Some(goal) = life.live.remove(&cell.get_id()) else { return Ok(()) };
        tracing::warn!(%goal, why, "goal actor died");
        let now = self.world.clock.now();
        if !life.deaths.entry(goal).or_default().another(now) {
            return Err(format!("the actor of goal {goal} keeps dying: {why}").into());
        }
        self.start(&myself, life, goal, Begin::default()).await
    }
}

/// How a goal begins.
#[derive(Default)]
struct Begin {
    new: Option<Box<AcceptedGoal>>,
    resume: Option<Resume>,
    reply: Option<oneshot::Sender<Result<(), Refusal>>>,
    /// Its right to live; what lives already keeps one.
    place: Option<Place>,
}

impl Life {
    fn tell_if_idle(&mut self) {
        if self.actors.is_empty() {
            for waiting in self.waiting.drain(..) {
                // Whoever has gone in the meantime does not wait.
                let _ = waiting.send(());
            }
        }
    }
}

impl Coordinator {
    async fn start(
        &self,
        myself: &ActorRef<Envelope<CoordinatorMessage>>,
        life: &mut Life,
        id: GoalId,
        begin: Begin,
    ) -> Result<(), ActorProcessingErr> {
        let Begin { new, resume, reply, place } = begin;
        let place = place.unwrap_or_else(|| self.lines.places.keep());
        let address = self.lines.goals.entry(id).or_insert_with(|| Address::vacant(&self.world.post)).value().clone();
        let goal = GoalActor { id, address: address.clone(), world: self.world.clone(), lines: self.lines.clone() };
        let (actor, _) = Actor::spawn_linked(None, goal, (), myself.get_cell()).await?;
        life.live.insert(actor.get_id(), id);
        life.actors.insert(id, (actor, place));
        address.tell(plain(self.lines.coordinator.origin(), GoalMessage::Begin { new, resume, reply }));
        // Said to the life before, perhaps, and lost with it.
        let wish = self.lines.canceled.get(&id).map(|wish| wish.clone());
        if let Some((by, graceful)) = wish {
            self.tell(id, GoalMessage::Cancel { by, graceful });
        }
        Ok(())
    }

    fn ended(&self, life: &mut Life, goal: GoalId) {
        self.lines.goals.remove(&goal);
        self.lines.canceled.remove(&goal);
        life.deaths.remove(&goal);
        if let Some((actor, _)) = life.actors.remove(&goal) {
            life.live.remove(&actor.get_id());
            actor.stop(None);
        }
        // What is only parked is still needed.
        if !self.is_open(goal) {
            life.finished.push_back(goal);
            self.let_go(life);
        }
        life.tell_if_idle();
    }

    /// Lets go of the oldest finished goal beyond the limit, unless somebody still reads it: then it goes to the back.
    fn let_go(&self, life: &mut Life) {
        if life.finished.len() <= FINISHED_MAX {
            return;
        }
        let Some(oldest) = life.finished.pop_front() else { return };
        if self.lines.watched.get(&oldest).is_some_and(|readers| Arc::strong_count(&readers) > 1) {
            life.finished.push_back(oldest);
        } else {
            self.lines.watched.remove(&oldest);
            self.world.log.forget(oldest);
        }
    }

    fn tell(&self, goal: GoalId, body: GoalMessage) {
        self.lines.tell_goal(goal, plain(self.lines.coordinator.origin(), body));
    }

    fn open_goals(&self) -> Vec<GoalId> {
        let goal = |stream| match stream {
            Stream::Goal(id) => Some(id).filter(|id| self.is_open(*id)),
            _ => None,
        };
        self.world.log.streams().into_iter().filter_map(goal).collect()
    }

    /// Whether something of it is recorded, and not its end.
    fn is_open(&self, goal: GoalId) -> bool {
        self.world.log.last(&Stream::Goal(goal)).is_some_and(|last| !ends_goal(&last.event))
    }
}
