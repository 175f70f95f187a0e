//! Numbers over time, from the same events as the spans. No goal's id is a label.

use std::{collections::HashMap, time::Duration};

use bailiwick_protocols::{
    AgentFact, Capability, DelegationId, Event, GoalEvent, GoalId, PolicyFact, Recorded, RuntimeEvent, Stream,
    Timestamp, outcome::Trip, policy::breaker,
};
use opentelemetry::{
    KeyValue,
    metrics::{Counter, Gauge, Histogram, Meter, UpDownCounter},
};

use crate::names::metric as m;

/// The instruments.
#[derive(Debug)]
pub struct Metrics {
    delegations: Counter<u64>,
    refusals: Counter<u64>,
    attempt_duration: Histogram<f64>,
    queue_wait: Histogram<f64>,
    goals: Counter<u64>,
    goal_duration: Histogram<f64>,
    turned_away: Counter<u64>,
    tokens: Counter<u64>,
    cost: Counter<u64>,
    breaker_state: Gauge<i64>,
    trust: Gauge<f64>,
    in_flight: UpDownCounter<i64>,
    queue_depth: UpDownCounter<i64>,
    restarts: Counter<u64>,
    journal_latency: Histogram<f64>,
    spans_dropped: Counter<u64>,
    events_missed: Counter<u64>,
}

/// What is open between two events of one log.
#[derive(Debug, Default)]
pub struct Open {
    /// The team whose log it is, as soon as it is known.
    team: Option<KeyValue>,
    waiting: HashMap<DelegationId, (Timestamp, Whose)>,
    running: HashMap<DelegationId, Whose>,
    submitted: HashMap<GoalId, Timestamp>,
}

impl Open {
    /// Whether it has been told whose log it is: the first events of each start say so.
    pub fn knows_its_team(&self) -> bool {
        self.team.is_some()
    }

    /// Labels, and the team.
    fn with_team(&self, labels: impl IntoIterator<Item = KeyValue>) -> Vec<KeyValue> {
        labels.into_iter().chain(self.team.clone()).collect()
    }
}

/// Bounds of the histograms of seconds: 0.1 ms to 1 h.
const SECONDS: [f64; 18] =
    [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0];

impl Metrics {
    /// The instruments of a meter.
    pub fn new(meter: &Meter) -> Self {
        let seconds = |name, about| {
            let histogram = meter.f64_histogram(name).with_unit("s").with_description(about);
            histogram.with_boundaries(SECONDS.to_vec()).build()
        };
        let counter = |name, unit, about| meter.u64_counter(name).with_unit(unit).with_description(about).build();
        let level =
            |name, about| meter.i64_up_down_counter(name).with_unit("{delegation}").with_description(about).build();
        Self {
            delegations: counter(m::DELEGATIONS, "{delegation}", "Settled delegations by agent and outcome"),
            refusals: counter(m::REFUSALS, "{delegation}", "Delegations turned away by agent and code"),
            attempt_duration: seconds(m::ATTEMPT_DURATION, "From a seat's start to the end of the work"),
            queue_wait: seconds(m::QUEUE_WAIT, "From admission to a seat"),
            goals: counter(m::GOALS, "{goal}", "Ended goals by outcome"),
            goal_duration: seconds(m::GOAL_DURATION, "From submission to the end"),
            turned_away: counter(m::TURNED_AWAY, "{goal}", "Submissions turned away at the edge by reason"),
            tokens: counter(m::TOKENS, "{token}", "Tokens by agent and direction"),
            cost: counter(m::COST, "{micro_usd}", "Known cost in micro-USD by agent"),
            breaker_state: meter
                .i64_gauge(m::BREAKER_STATE)
                .with_description("0 closed, 1 half-open, 2 open, 3 isolated")
                .build(),
            trust: meter.f64_gauge(m::TRUST).with_description("Trust by agent and capability, 0 to 1").build(),
            in_flight: level(m::IN_FLIGHT, "Attempts that run"),
            queue_depth: level(m::QUEUE_DEPTH, "Admitted delegations that wait for a seat"),
            restarts: counter(m::RESTARTS, "{restart}", "Seats and core actors started again"),
            journal_latency: seconds(m::JOURNAL_LATENCY, "How long the journal took to keep a batch"),
            spans_dropped: counter(m::SPANS_DROPPED, "{span}", "Spans that were not exported"),
            events_missed: counter(m::EVENTS_MISSED, "{event}", "Events the exporter came too late for"),
        }
    }

    /// Counts spans that were not exported.
    pub fn dropped(&self, spans: u64) {
        self.spans_dropped.add(spans, &[]);
    }

    /// Counts events that came too fast.
    pub fn missed(&self, events: u64) {
        self.events_missed.add(events, &[]);
    }

    /// Notes how long the journal took to keep a batch.
    pub fn kept(&self, open: &Open, took: Duration) {
        self.journal_latency.record(took.as_secs_f64(), &open.with_team([]));
    }

    /// Counts submissions that were turned away before they were goals.
    pub fn turned_away(&self, open: &Open, reason: &'static str, submissions: u64) {
        self.turned_away.add(submissions, &open.with_team([KeyValue::new("reason", reason)]));
    }

    /// Forgets what is open, as its end was missed or will never come: nothing of it waits or runs any more.
    pub fn lose(&self, open: &mut Open) {
        for (_, (_, whose)) in open.waiting.drain() {
            self.queue_depth.add(-1, &whose);
        }
        for (_, whose) in open.running.drain() {
            self.in_flight.add(-1, &whose);
        }
        open.submitted.clear();
    }

    /// Takes the next event of a log. What is not live was counted by an earlier life of the process.
    pub fn apply(&self, open: &mut Open, recorded: &Recorded, live: bool) {
        match (&recorded.stream, &recorded.event) {
            (Stream::Goal(id), Event::Goal(event)) => self.of_goal(open, *id, recorded.at, event, live),
            (Stream::Agent { team, agent, .. }, Event::Agent(fact)) => {
                let team = KeyValue::new("team", team.to_string());
                open.team = Some(team.clone());
                let whose = [KeyValue::new("agent", agent.to_string()), team];
                self.of_agent(open, &whose, recorded.at, fact, live);
            }
            (_, Event::Runtime(RuntimeEvent::RuntimeStarted { team, .. })) => {
                open.team = Some(KeyValue::new("team", team.to_string()));
            }
            (_, Event::Runtime(RuntimeEvent::ActorRestarted { actor, .. })) if live => {
                self.restarts.add(1, &open.with_team([KeyValue::new("actor", actor.clone())]));
            }
            _ => {}
        }
    }

    fn of_goal(&self, open: &mut Open, id: GoalId, at: Timestamp, event: &GoalEvent, live: bool) {
        match event {
            GoalEvent::GoalSubmitted { .. } => drop(open.submitted.insert(id, at)),
            GoalEvent::GoalSettled { outcome, .. } => {
                let submitted = open.submitted.remove(&id);
                let labels = open.with_team([KeyValue::new("outcome", outcome.as_str())]);
                if live {
                    self.goals.add(1, &labels);
                    if let Some(submitted) = submitted {
                        self.goal_duration.record(at.since(submitted).as_secs_f64(), &labels);
                    }
                }
            }
            GoalEvent::DelegationRefused { agent, refusal, .. } if live => {
                let agent = KeyValue::new("agent", agent.to_string());
                let code = KeyValue::new("code", refusal.code().to_string());
                self.refusals.add(1, &open.with_team([agent, code]));
            }
            _ => {}
        }
    }

    fn of_agent(&self, open: &mut Open, labels: &Whose, at: Timestamp, fact: &AgentFact, live: bool) {
        match fact {
            AgentFact::Admitted { delegation } => {
                let is_new = open.waiting.insert(delegation.id, (at, labels.clone())).is_none();
                self.queue_depth.add(is_new.into(), labels);
            }
            AgentFact::Started { delegation, .. } => {
                if let Some((since, _)) = open.waiting.remove(delegation) {
                    self.queue_depth.add(-1, labels);
                    if live {
                        self.queue_wait.record(at.since(since).as_secs_f64(), labels);
                    }
                }
                if open.running.insert(*delegation, labels.clone()).is_none() {
                    self.in_flight.add(1, labels);
                }
            }
            AgentFact::Settled { settlement } => {
                if open.waiting.remove(&settlement.delegation).is_some() {
                    self.queue_depth.add(-1, labels);
                }
                if open.running.remove(&settlement.delegation).is_some() {
                    self.in_flight.add(-1, labels);
                }
                for lesson in &settlement.lessons {
                    let capability = KeyValue::new("capability", lesson.capability.to_string());
                    self.trust.record(lesson.after.score.get(), &with(labels, capability));
                }
                if live {
                    self.settled(labels, settlement);
                }
            }
            AgentFact::SeatStarted { restart: true, .. } if live => self.restarts.add(1, labels),
            AgentFact::Policy(fact) => self.breaker(labels, fact),
            _ => {}
        }
    }

    fn settled(&self, whose: &Whose, settlement: &bailiwick_protocols::Settlement) {
        let labels = with(whose, KeyValue::new("outcome", settlement.ended().outcome.as_str()));
        self.delegations.add(1, &labels);
        if let Some(started) = settlement.started {
            self.attempt_duration.record(settlement.ended.since(started).as_secs_f64(), &labels);
        }
        for (direction, tokens) in
            [("input", settlement.usage.input_tokens), ("output", settlement.usage.output_tokens)]
        {
            if tokens > 0 {
                self.tokens.add(tokens, &with(whose, KeyValue::new("direction", direction)));
            }
        }
        if let Some(micro) = settlement.cost.micro_usd().filter(|micro| *micro > 0) {
            self.cost.add(micro, whose);
        }
    }

    fn breaker(&self, whose: &Whose, fact: &PolicyFact) {
        let state = match fact.kind.as_str() {
            breaker::CLOSED => 0,
            breaker::HALF_OPENED => 1,
            breaker::OPENED => 2,
            breaker::ISOLATED => 3,
            _ => return,
        };
        let trip = serde_json::from_value::<Trip>(fact.body.0.clone()).ok();
        let capability: Option<Capability> = trip.and_then(|trip| trip.capability);
        let capability = capability.map_or_else(String::new, |capability| capability.to_string());
        self.breaker_state.record(state, &with(whose, KeyValue::new("capability", capability)));
    }
}

/// An agent and its team.
type Whose = [KeyValue; 2];

fn with(whose: &Whose, more: KeyValue) -> [KeyValue; 3] {
    let [agent, team] = whose.clone();
    [agent, team, more]
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc};

    use bailiwick::{prelude::*, testing::Stage};
    use opentelemetry::metrics::MeterProvider as _;
    use opentelemetry_sdk::metrics::{
        ManualReader, SdkMeterProvider,
        data::{AggregatedMetrics, MetricData, ResourceMetrics},
        reader::MetricReader,
    };

    use super::*;
    use crate::worker::Reader;

    /// How much waits and runs, by the name of the metric.
    fn levels(reader: &Reader) -> BTreeMap<String, i64> {
        let mut collected = ResourceMetrics::default();
        reader.collect(&mut collected).expect("the provider is there");
        let all = collected.scope_metrics().flat_map(|of| of.metrics());
        let level = |metric: &opentelemetry_sdk::metrics::data::Metric| match metric.data() {
            AggregatedMetrics::I64(MetricData::Sum(sum)) => {
                Some((metric.name().to_owned(), sum.data_points().map(|point| point.value()).sum()))
            }
            _ => None,
        };
        all.filter_map(level).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_open_when_events_were_missed_does_not_count_for_ever() {
        let ada = agent_fn("ada", ["work"], |_| async { Ok(Output::text("done")) });
        let stage = Stage::seeded(1).agent(ada).open().await;
        stage.run(Goal::new("work").needs_capability("work")).await;
        let log = stage.log();
        let kind = |kind: &str| log.iter().position(|recorded| recorded.event.kind() == kind).expect("it happened");
        let (admitted, started) = (kind("admitted"), kind("started"));

        for (last, name) in [(admitted, m::QUEUE_DEPTH), (started, m::IN_FLIGHT)] {
            let reader = Reader(Arc::new(ManualReader::builder().build()));
            let provider = SdkMeterProvider::builder().with_reader(reader.clone()).build();
            let (metrics, mut open) = (Metrics::new(&provider.meter("test")), Open::default());
            log[..=last].iter().for_each(|recorded| metrics.apply(&mut open, recorded, true));
            assert_eq!(levels(&reader).get(name), Some(&1));

            metrics.lose(&mut open);
            assert_eq!(levels(&reader).get(name), Some(&0), "its end was missed");

            log[last + 1..].iter().for_each(|recorded| metrics.apply(&mut open, recorded, true));
            assert!(levels(&reader).values().all(|level| *level == 0), "it came after all: {:?}", levels(&reader));
        }
    }
}
