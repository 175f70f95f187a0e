//! A goal at work: its events, its end, and how to make it end.

use std::{
    fmt,
    future::{Future, IntoFuture},
    ops::Deref,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bailiwick_actors::{audit_log::log::Cursor, messages::CoordinatorMessage, switchboard::Switchboard, world::World};
use bailiwick_protocols::{Event, GoalEvent, GoalId, Recorded, Stream as LogStream, outcome::CanceledBy};
use futures::{Stream, StreamExt, stream::BoxStream};

use crate::{Error, GoalReport, event_line::describe, runtime};

/// A goal at work. Await it for its report; dropping it leaves the goal alone.
#[derive(Clone)]
pub struct RunHandle {
    id: GoalId,
    reading: Arc<()>,
    world: World,
    lines: Switchboard,
}

impl std::fmt::Debug for RunHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunHandle").field("id", &self.id).finish_non_exhaustive()
    }
}

impl RunHandle {
    pub(crate) fn new(id: GoalId, world: &World, lines: &Switchboard) -> Self {
        Self { id, reading: lines.watch(id), world: world.clone(), lines: lines.clone() }
    }

    /// The goal.
    pub fn goal_id(&self) -> GoalId {
        self.id
    }

    /// Everything that happens to the goal, from its submission on: late readers get the past first, slow ones miss
    /// nothing and delay nobody. Ends after `goal_settled`, when the goal is parked, or when the runtime ends.
    pub fn events(&self) -> EventStream {
        let cursor = self.world.log.cursor(LogStream::Goal(self.id));
        let ended = self.lines.ended();
        let state = Some((cursor, ended, self.reading.clone()));
        EventStream(
            futures::stream::unfold(state, |state| async move {
                let (mut cursor, mut ended, reading) = state?;
                let event = next(&mut cursor, &mut ended).await?;
                let last = match &event.event {
                    Event::Goal(GoalEvent::GoalSettled { .. }) => true,
                    // One that was resumed since goes on.
                    Event::Goal(GoalEvent::GoalParked) => cursor.is_at_end(),
                    _ => false,
                };
                Some((RunEvent(event), (!last).then_some((cursor, ended, reading))))
            })
            .boxed(),
        )
    }

    /// Ends the goal and everything of it that runs.
    pub fn cancel(&self, why: impl Into<String>) {
        self.end(CanceledBy::Caller(why.into()), false);
    }

    /// Lets what runs end and starts nothing new; the goal then settles as canceled.
    pub fn drain(&self) {
        self.end(CanceledBy::Caller("drained".to_owned()), true);
    }

    /// Lets what runs end and starts nothing new; the goal then rests until it is [resumed](crate::Bailiwick::resume).
    pub fn park(&self) {
        let goal = Some(self.id);
        self.lines.coordinator.tell_from_edge(CoordinatorMessage::Park { goal });
    }

    fn end(&self, by: CanceledBy, graceful: bool) {
        let goal = Some(self.id);
        // The Coordinator may die with the message; its successor reads it here.
        self.lines.cancel(self.id, &by, graceful);
        self.lines.coordinator.tell_from_edge(CoordinatorMessage::Cancel { goal, by, graceful });
    }

    async fn report(self) -> Result<GoalReport, Error> {
        let events: Vec<Arc<Recorded>> = self.events().map(|event| event.0).collect().await;
        let over = |event: &Event| matches!(event, Event::Goal(GoalEvent::GoalSettled { .. } | GoalEvent::GoalParked));
        if events.last().is_some_and(|last| over(&last.event)) {
            return Ok(GoalReport::from_events(&events, runtime::breakers(&self.lines)));
        }
        if let Some(error) = self.world.log.failure() {
            return Err(Error::Journal(error));
        }
        let ended = self.lines.ended().borrow().clone();
        Err(Error::Ended(ended.unwrap_or_else(|| "its log was closed".to_owned())))
    }
}

async fn next(cursor: &mut Cursor, ended: &mut tokio::sync::watch::Receiver<Option<String>>) -> Option<Arc<Recorded>> {
    tokio::select! {
        // What is recorded is told, even if the runtime has ended since.
        biased;
        event = cursor.next() => event,
        _ = ended.wait_for(Option::is_some) => None,
    }
}

impl IntoFuture for RunHandle {
    type Output = Result<GoalReport, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.report())
    }
}

/// One event of a goal; prints as a line for people, and is a line for programs by [`event_line`].
///
/// [`event_line`]: crate::event_line::event_line
#[derive(Clone, Debug)]
pub struct RunEvent(pub Arc<Recorded>);

impl Deref for RunEvent {
    type Target = Arc<Recorded>;
    fn deref(&self) -> &Arc<Recorded> {
        &self.0
    }
}

impl fmt::Display for RunEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&describe(&self.0))
    }
}

/// The events of one goal, in order.
pub struct EventStream(BoxStream<'static, RunEvent>);

impl Stream for EventStream {
    type Item = RunEvent;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(context)
    }
}
