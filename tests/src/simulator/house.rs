//! The wiring: what actors do around the machines they carry, in virtual time.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use bailiwick_actors::{
    address::{Address, Post as NoDelay},
    agent_supervisor::{
        books::{Books, Flight},
        desk::{Desk, DeskEffect, DeskMessage, DeskScene},
        facts,
    },
    agents::{AgentSpec, agent_fn},
    audit_log::{log::Log, memory::MemoryJournal},
    directory::{Directory, Entry, Permit},
    goal::{
        choice::ChoiceSettings,
        events,
        state::{GoalState, Phase},
        step::{GoalEffect, GoalInput, GoalMachine, GoalScene},
    },
    messages::{AcceptedGoal, Asker},
    planners::{Plan, PlanAnswer, SynthesisRequest, Synthesiser, fixed::fixed},
    policies::{PolicySettings, Scene, TrustView, default_stack, stack::Stack},
    routers::standard::StandardRouter,
    team::Team,
    trust_tracker::{
        ledger::TrustLedger,
        models::{Asymmetric, TrustModel},
    },
    verifier_pool::gather::{Effect, Gather, Heard},
    verifiers::{CompiledContract, JudgeAnswer, Verifiers, panel::count, verify_async},
    world::Dice,
};
use bailiwick_protocols::{
    AgentName, Cause, Cost, Delegation, DelegationId, Event, GoalId, JudgeSpec, Lesson, Mandate, Output, Permissions,
    Recorded, Stream, Timestamp, Usage, Verdict,
    event::{JudgeSeat, SeatEnd},
    outcome::CanceledBy,
    trust::Evidence,
};

use super::{
    Tally,
    draws::Draws,
    laws,
    post::{Post, Who},
    script::{Answer, CHECKED, Script, Trouble},
    seat::{self, Carried, End, Seat},
    shadow,
};

/// When virtual time begins: 2026-01-01T00:00:00Z.
const EPOCH: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// Nothing lasts longer than this: a day.
const END: Timestamp = Timestamp::from_millis(EPOCH.as_millis() + 24 * 3_600_000);

/// No run takes more steps than this.
const STEPS_MAX: u64 = 60_000;

/// As many steps at one moment, and time stands still.
const STEPS_AT_ONCE_MAX: u64 = 3_000;

/// A goal that must end (cancelled or past its deadline) has ended after this long, whatever is replaced meanwhile.
pub(crate) const STOPPED_WITHIN: Duration = Duration::from_secs(20);

/// A law, if it does not hold.
macro_rules! law {
    ($holds:expr, $($said:tt)+) => {
        if !$holds {
            return Err(format!($($said)+));
        }
    };
}
pub(crate) use law;

type Key = (Asker, u32);

/// What happens.
#[derive(Debug)]
enum Mail {
    Desk {
        desk: usize,
        life: u32,
        message: DeskMessage,
        cause: Option<Cause>,
    },
    /// Beside the message it says which life of the tracker speaks: a supervisor listens to the living one only.
    Learned {
        desk: usize,
        life: u32,
        tracker: u32,
        delegation: DelegationId,
        lessons: Vec<Lesson>,
        cause: Option<Cause>,
    },
    DeskAlarm {
        desk: usize,
        life: u32,
        armed: u64,
    },
    DeskRises {
        desk: usize,
    },
    AgentsRise,
    Carry {
        desk: usize,
        seat: u32,
        serial: u64,
        delegation: Arc<Delegation>,
        cause: Option<Cause>,
    },
    Cease {
        desk: usize,
        seat: u32,
        serial: u64,
    },
    Done {
        desk: usize,
        seat: u32,
        serial: u64,
        delegation: DelegationId,
        report: Option<Box<bailiwick_protocols::Report>>,
    },
    SeatDown {
        desk: usize,
        life: u32,
        seat: u32,
        why: SeatEnd,
    },
    Goal {
        goal: usize,
        life: u32,
        input: GoalInput,
        cause: Option<Cause>,
    },
    GoalAlarm {
        goal: usize,
        life: u32,
        armed: u64,
    },
    GoalRises {
        goal: usize,
    },
    GoalEnded {
        goal: usize,
    },
    CoordinatorRises,
    Submit {
        goal: usize,
    },
    Refold {
        life: u32,
        desk: usize,
    },
    Learn {
        life: u32,
        desk: usize,
        desk_life: u32,
        delegation: Arc<Delegation>,
        evidence: Evidence,
        cause: Option<Cause>,
    },
    TrackerRises,
    Examine {
        life: u32,
        asker: Asker,
        contract: Arc<CompiledContract>,
        output: Arc<Output>,
        round: u32,
    },
    Found {
        life: u32,
        examination: u64,
        key: Key,
        heard: Heard,
    },
    Judged {
        life: u32,
        key: Key,
        seat: JudgeSeat,
        answer: JudgeAnswer,
    },
    PoolRises,
    /// To the coordinator: every goal sends again.
    SweepGoals,
    /// To Agents: every supervisor sends again.
    SweepDesks,
    Trouble(Trouble),
    HostageHome {
        desk: usize,
    },
}

/// The one timer of a machine, as `turn::Alarm` keeps it.
#[derive(Default)]
struct Alarm {
    armed: Option<(Timestamp, u64)>,
    next: u64,
}

impl Alarm {
    fn set(&mut self, due: Option<Timestamp>) -> Option<(Timestamp, u64)> {
        let due = due?;
        if self.armed.is_some_and(|(armed, _)| armed <= due) {
            return None;
        }
        self.next += 1;
        self.armed = Some((due, self.next));
        self.armed
    }

    fn rings(&mut self, number: u64) -> bool {
        self.armed.take_if(|(_, armed)| *armed == number).is_some()
    }
}

struct Supervisor {
    entry: Arc<Entry>,
    spec: AgentSpec,
    stream: Stream,
    /// `None` while it is dead.
    desk: Option<Desk>,
    life: u32,
    shadow: Books,
    alarm: Alarm,
    seats: BTreeMap<u32, Seat>,
    /// Permits that came home while tickets waited.
    homes: Arc<AtomicU32>,
    hostages: Vec<Permit>,
    /// Permits in messages.
    on_the_way: i64,
}

struct GoalActor {
    id: GoalId,
    machine: Option<GoalMachine>,
    shadow: Option<GoalState>,
    life: u32,
    alarm: Alarm,
    /// The coordinator let it go.
    gone: bool,
    settled: Option<Timestamp>,
    /// A caller's cancellation, which the coordinator remembers for a goal that dies meanwhile.
    cancel: Option<(CanceledBy, bool)>,
    must_end: Option<Timestamp>,
}

struct Tracker {
    ledger: TrustLedger,
    answers: BTreeMap<DelegationId, (usize, Vec<Lesson>)>,
    life: u32,
    alive: bool,
}

struct Pool {
    open: BTreeMap<Key, (Gather, u64)>,
    /// What agents are asked as judges: of which examination, and who.
    asked: BTreeMap<JudgeSeat, (u64, Key, AgentName)>,
    life: u32,
    alive: bool,
    next: u64,
}

/// One team with its goals.
pub struct House {
    script: Script,
    draws: Draws,
    now: Timestamp,
    post: Post<Mail>,
    log: Log,
    team: Arc<Team>,
    model: Arc<dyn TrustModel>,
    grants: Permissions,
    supervisors: Vec<Supervisor>,
    goals: Vec<GoalActor>,
    numbers: BTreeMap<GoalId, usize>,
    tracker: Tracker,
    pool: Pool,
    coordinator_dead: bool,
    agents_dead: bool,
    serials: u64,
    told: Option<VecDeque<String>>,
    steps: u64,
    deaths: u64,
    /// Draws who judges, if agents do: apart from the other draws, so that these are the same with and without.
    judges: Option<Draws>,
}

struct Joins;

impl Synthesiser for Joins {
    async fn synthesise(&self, _: SynthesisRequest) -> Result<Output, String> {
        Err("it is acted".to_owned())
    }
}

impl House {
    /// Draws the script of a seed and sets everything up.
    pub fn new(seed: u64, told: bool) -> Self {
        let mut draws = Draws::new(seed);
        let script = Script::draw(&mut draws);
        let model: Arc<dyn TrustModel> = Arc::new(Asymmetric::default());
        let mut verifiers = Verifiers::new();
        let checked = verify_async(CHECKED, |work| async move { work.text().contains("right") });
        verifiers.add(checked).expect("there is one of that name");
        let verifiers = Arc::new(verifiers);
        let mut choice = ChoiceSettings::default();
        choice.exploration = script.exploration;
        choice.partial_capability = script.partial;
        let team = Arc::new(Team {
            name: "house".into(),
            directory: Directory::default(),
            choice,
            verifiers,
            tools: Arc::default(),
            router: Arc::new(StandardRouter),
            planner: script.planner.then(|| Arc::new(fixed([])) as _),
            synthesiser: script.synthesiser.then(|| Arc::new(Joins) as _),
        });
        let log = Log::open(Arc::new(MemoryJournal::default())).expect("memory can be read");
        let mut house = Self {
            post: Post::new(script.delay_max),
            tracker: Tracker {
                ledger: TrustLedger::new(model.clone()),
                answers: BTreeMap::new(),
                life: 0,
                alive: true,
            },
            pool: Pool { open: BTreeMap::new(), asked: BTreeMap::new(), life: 0, alive: true, next: 0 },
            grants: script.team.iter().fold(Permissions::none(), |all, agent| all.join(&agent.permissions)),
            supervisors: Vec::new(),
            goals: Vec::new(),
            numbers: BTreeMap::new(),
            coordinator_dead: false,
            agents_dead: false,
            serials: 0,
            told: told.then(VecDeque::new),
            steps: 0,
            deaths: 0,
            judges: None,
            now: EPOCH,
            script,
            draws,
            log,
            team,
            model,
        };
        house.furnish();
        house
    }

    /// Has agents judge most of what is examined in the pool.
    pub fn with_judges(self, seed: u64) -> Self {
        Self { judges: Some(Draws::new(!seed)), ..self }
    }

    fn furnish(&mut self) {
        let no_delay = NoDelay::direct();
        for (number, agent) in self.script.team.clone().into_iter().enumerate() {
            let mut spec =
                agent_fn(agent.name.as_str(), agent.capabilities.clone(), |_| async { Ok(Output::text("acted")) });
            spec = spec.permissions(agent.permissions.clone()).max_concurrent(agent.seats);
            spec.cost_per_task = Cost::Known(agent.cost);
            let entry = Arc::new(Entry::new(&spec, 0, Address::vacant(&no_delay), self.model.clone()));
            let homes = Arc::new(AtomicU32::new(0));
            entry.permits.on_home({
                let homes = homes.clone();
                move || {
                    homes.fetch_add(1, Ordering::Relaxed);
                }
            });
            self.team.directory.insert(entry.clone());
            let hostages = agent.hostages.iter().filter_map(|_| entry.permits.take()).collect();
            for home in &agent.hostages {
                self.post.at(EPOCH + Duration::from_millis(*home), Mail::HostageHome { desk: number });
            }
            let stream = Stream::Agent { team: self.team.name.clone(), agent: spec.name.clone(), generation: 0 };
            let shadow = self.books(&spec);
            self.supervisors.push(Supervisor {
                entry,
                spec,
                stream,
                desk: None,
                life: 0,
                shadow,
                alarm: Alarm::default(),
                seats: BTreeMap::new(),
                homes,
                hostages,
                on_the_way: 0,
            });
        }
        for (number, goal) in self.script.goals.iter().enumerate() {
            let id = GoalId::new(Dice::seeded(self.draws.bits()).uuid(EPOCH));
            self.numbers.insert(id, number);
            self.post.at(EPOCH + Duration::from_millis(goal.at), Mail::Submit { goal: number });
            self.goals.push(GoalActor {
                id,
                machine: None,
                shadow: None,
                life: 0,
                alarm: Alarm::default(),
                gone: false,
                settled: None,
                cancel: None,
                must_end: None,
            });
        }
        for (at, trouble) in self.script.trouble.clone() {
            self.post.at(EPOCH + Duration::from_millis(at), Mail::Trouble(trouble));
        }
    }

    /// What happened last.
    pub fn told(&mut self) -> Vec<String> {
        self.told.take().map(Vec::from).unwrap_or_default()
    }

    /// Runs until nothing more will happen, and reads all streams again.
    ///
    /// # Errors
    /// The first law that is broken.
    pub fn run(&mut self) -> Result<Tally, String> {
        for desk in 0..self.supervisors.len() {
            self.rise(desk)?;
        }
        let mut at_once = 0;
        while let Some((at, mail)) = self.post.next() {
            law!(at >= self.now, "time ran backwards, from {} to {at}", self.now);
            at_once = if at == self.now { at_once + 1 } else { 0 };
            law!(at_once < STEPS_AT_ONCE_MAX, "time stands still at {at}: {mail:?}");
            self.now = at;
            self.steps += 1;
            law!(self.steps < STEPS_MAX && at < END, "no end after {} steps at {at}: {mail:?}", self.steps);
            if let Some(told) = self.told.as_mut().filter(|_| at_once < 100) {
                told.push_back(format!("{} {mail:?}", at.since(EPOCH).as_millis()));
                if told.len() > 4_000 {
                    told.pop_front();
                }
            }
            self.happen(mail)?;
            self.permits_home();
            self.count_permits()?;
        }
        self.at_the_end()
    }

    // --- what happens -------------------------------------------------------------------------------------------

    fn happen(&mut self, mail: Mail) -> Result<(), String> {
        match mail {
            Mail::Desk { desk, life, message, cause } => {
                if let DeskMessage::Delegate { permit: Some(_), .. } = &message {
                    self.supervisors[desk].on_the_way -= 1;
                }
                if self.supervisors[desk].life == life {
                    self.step_desk(desk, message, cause)?;
                }
            }
            Mail::Learned { desk, life, tracker, delegation, lessons, cause } => {
                // A dead tracker's lesson is not in what the living one has folded: it is asked again.
                if self.supervisors[desk].life == life && self.tracker.life == tracker {
                    self.step_desk(desk, DeskMessage::Learned { delegation, lessons }, cause)?;
                }
            }
            Mail::DeskAlarm { desk, life, armed } => {
                let this = &mut self.supervisors[desk];
                if this.life == life && this.alarm.rings(armed) {
                    self.step_desk(desk, DeskMessage::Tick, None)?;
                }
            }
            Mail::DeskRises { desk } => {
                if self.supervisors[desk].desk.is_none() {
                    self.rise(desk)?;
                    self.send((Who::Agents, Who::Coordinator), Mail::SweepGoals);
                }
            }
            Mail::AgentsRise => {
                self.agents_dead = false;
                for desk in 0..self.supervisors.len() {
                    if self.supervisors[desk].desk.is_none() {
                        self.rise(desk)?;
                    }
                }
                self.send((Who::Edge, Who::Coordinator), Mail::SweepGoals);
            }
            Mail::Carry { desk, seat, serial, delegation, cause } => {
                self.carry(desk, seat, serial, delegation, cause)?;
            }
            Mail::Cease { desk, seat, serial } => self.cease(desk, seat, serial),
            Mail::Done { desk, seat, serial, delegation, report } => {
                self.done(desk, seat, serial, delegation, report);
            }
            Mail::SeatDown { desk, life, seat, why } => {
                if self.supervisors[desk].life == life {
                    self.step_desk(desk, DeskMessage::SeatDown { seat, why }, None)?;
                }
            }
            Mail::Goal { goal, life, input, cause } => {
                if let GoalInput::Room { agent, .. } = &input
                    && let Some(desk) = self.desk_of(agent)
                {
                    self.supervisors[desk].on_the_way -= 1;
                }
                if self.goals[goal].life == life {
                    self.step_goal(goal, input, cause)?;
                }
            }
            Mail::GoalAlarm { goal, life, armed } => {
                let this = &mut self.goals[goal];
                if this.life == life && this.alarm.rings(armed) {
                    self.step_goal(goal, GoalInput::Tick, None)?;
                }
            }
            Mail::GoalRises { goal } => {
                if self.goals[goal].machine.is_none() && !self.goals[goal].gone && !self.coordinator_dead {
                    self.rise_goal(goal)?;
                }
            }
            Mail::GoalEnded { goal } => {
                self.goals[goal].gone = true;
                self.goals[goal].life += 1;
            }
            Mail::CoordinatorRises => {
                self.coordinator_dead = false;
                for goal in 0..self.goals.len() {
                    let this = &self.goals[goal];
                    if this.machine.is_none() && !this.gone && this.shadow.is_some() {
                        match this.settled {
                            Some(_) => self.goals[goal].gone = true,
                            None => self.rise_goal(goal)?,
                        }
                    }
                }
            }
            Mail::Submit { goal } => self.submit(goal)?,
            Mail::Refold { life, desk } => {
                if self.tracker.life == life && self.tracker.alive {
                    let this = &self.supervisors[desk];
                    self.tracker.answers.retain(|_, (taught, _)| *taught != desk);
                    self.tracker.ledger.forget(&this.spec.name, 0);
                    for (fact, _) in facts(&self.log.stream(&this.stream)) {
                        self.tracker.ledger.apply(&this.spec.name, 0, fact.lessons());
                    }
                }
            }
            Mail::Learn { life, desk, desk_life, delegation, evidence, cause } => {
                // Whoever asked may be dead; its successor asks itself.
                if self.supervisors[desk].life == desk_life {
                    self.learn(life, desk, &delegation, evidence, cause);
                }
            }
            Mail::TrackerRises => {
                self.tracker.life += 1;
                self.tracker.alive = true;
                self.tracker.ledger = self.folded_ledger();
                self.tracker.answers.clear();
                self.send((Who::Root, Who::Agents), Mail::SweepDesks);
                self.send((Who::Root, Who::Coordinator), Mail::SweepGoals);
            }
            Mail::Examine { life, asker, contract, output, round } => {
                if self.pool.life == life && self.pool.alive {
                    self.examine((asker, round), contract, output);
                }
            }
            Mail::Found { life, examination, key, heard } => {
                if self.pool.life == life && self.pool.open.get(&key).is_some_and(|(_, number)| *number == examination)
                {
                    self.found(&key, heard);
                }
            }
            Mail::Judged { life, key, seat, answer } => {
                if self.pool.life == life
                    && let Some((examination, ..)) = self.pool.asked.remove(&seat)
                    && self.pool.open.get(&key).is_some_and(|(_, number)| *number == examination)
                {
                    let verdict = count(&JudgeSpec::new("it is right").judges(1), &[answer]);
                    self.found(&key, Heard::Found { leaf: seat.leaf as usize, verdict });
                }
            }
            Mail::PoolRises => {
                self.pool.asked.clear();
                self.pool.life += 1;
                self.pool.alive = true;
                self.send((Who::Root, Who::Agents), Mail::SweepDesks);
                self.send((Who::Root, Who::Coordinator), Mail::SweepGoals);
            }
            Mail::SweepGoals => {
                for goal in 0..self.goals.len() {
                    if self.goals[goal].shadow.is_some() && !self.coordinator_dead {
                        self.tell_goal((Who::Coordinator, goal), GoalInput::Sweep, None);
                    }
                }
            }
            Mail::SweepDesks => {
                for desk in 0..self.supervisors.len() {
                    if !self.agents_dead {
                        self.tell_desk(Who::Agents, desk, DeskMessage::Sweep, None);
                    }
                }
            }
            Mail::Trouble(trouble) => self.trouble(trouble)?,
            Mail::HostageHome { desk } => drop(self.supervisors[desk].hostages.pop()),
        }
        Ok(())
    }

    fn trouble(&mut self, trouble: Trouble) -> Result<(), String> {
        match trouble {
            Trouble::Seat(desk, seat) => {
                if self.supervisors[desk].seats.contains_key(&seat) {
                    self.seat_falls(desk, seat, SeatEnd::Crashed("it fell".to_owned()));
                }
            }
            Trouble::Supervisor(desk) => {
                if self.supervisors[desk].desk.is_some() {
                    self.supervisor_dies(desk);
                    self.soon(Mail::DeskRises { desk });
                }
            }
            Trouble::Agents => {
                if !self.agents_dead {
                    self.agents_dead = true;
                    (0..self.supervisors.len()).for_each(|desk| self.supervisor_dies(desk));
                    self.soon(Mail::AgentsRise);
                }
            }
            Trouble::Goal(goal) => {
                if self.goals[goal].machine.is_some() && !self.goals[goal].gone {
                    self.goal_dies(goal);
                    self.soon(Mail::GoalRises { goal });
                }
            }
            Trouble::Coordinator => {
                if !self.coordinator_dead {
                    self.coordinator_dead = true;
                    (0..self.goals.len()).for_each(|goal| self.goal_dies(goal));
                    self.soon(Mail::CoordinatorRises);
                }
            }
            Trouble::Tracker => {
                if self.tracker.alive {
                    self.tracker.alive = false;
                    self.deaths += 1;
                    self.soon(Mail::TrackerRises);
                }
            }
            Trouble::Pool => {
                if self.pool.alive {
                    self.pool.alive = false;
                    self.pool.open.clear();
                    self.deaths += 1;
                    self.soon(Mail::PoolRises);
                }
            }
            Trouble::Cancel(goal, graceful) => {
                if !self.goals[goal].gone && self.goals[goal].shadow.is_some() {
                    let by = CanceledBy::Caller("it is no use".to_owned());
                    let cancel = &mut self.goals[goal].cancel;
                    if cancel.as_ref().is_none_or(|(_, soft)| *soft) {
                        *cancel = Some((by.clone(), graceful));
                    }
                    self.tell_goal((Who::Coordinator, goal), GoalInput::Cancel { by, graceful }, None);
                }
            }
            Trouble::Release(desk) => {
                self.tell_desk(Who::Agents, desk, DeskMessage::Release { by: "somebody".to_owned() }, None);
            }
            Trouble::Sweep => {
                self.send((Who::Edge, Who::Agents), Mail::SweepDesks);
                self.send((Who::Edge, Who::Coordinator), Mail::SweepGoals);
            }
        }
        Ok(())
    }

    /// Within a moment, and not by post: what supervision sees.
    fn soon(&mut self, mail: Mail) {
        let at = self.now + Duration::from_millis(self.draws.below(20));
        self.post.at(at, mail);
    }

    fn send(&mut self, road: (Who, Who), mail: Mail) {
        self.post.send(self.now, road, &mut self.draws, mail);
    }

    fn tell_desk(&mut self, from: Who, desk: usize, message: DeskMessage, cause: Option<Cause>) {
        let this = &mut self.supervisors[desk];
        if let DeskMessage::Delegate { permit: Some(_), .. } = &message {
            this.on_the_way += 1;
        }
        let life = this.life;
        self.send((from, Who::Desk(desk)), Mail::Desk { desk, life, message, cause });
    }

    fn tell_goal(&mut self, (from, goal): (Who, usize), input: GoalInput, cause: Option<Cause>) {
        if let GoalInput::Room { agent, .. } = &input
            && let Some(desk) = self.desk_of(agent)
        {
            self.supervisors[desk].on_the_way += 1;
        }
        let life = self.goals[goal].life;
        self.send((from, Who::Goal(goal)), Mail::Goal { goal, life, input, cause });
    }

    fn desk_of(&self, agent: &str) -> Option<usize> {
        self.script.team.iter().position(|other| other.name == agent)
    }

    // --- supervisors --------------------------------------------------------------------------------------------

    fn books(&self, spec: &AgentSpec) -> Books {
        let trust = TrustView { records: BTreeMap::new(), model: self.model.clone() };
        Books::new(Stack::new(default_stack(spec, &PolicySettings::default())), trust)
    }

    fn supervisor_dies(&mut self, desk: usize) {
        let this = &mut self.supervisors[desk];
        if this.desk.take().is_some() {
            this.seats.clear();
            this.alarm = Alarm::default();
            self.deaths += 1;
        }
    }

    /// A supervisor begins: its books are the fold of its stream.
    fn rise(&mut self, desk: usize) -> Result<(), String> {
        let mut books = self.books(&self.supervisors[desk].spec);
        let events = self.log.stream(&self.supervisors[desk].stream);
        for (fact, at) in facts(&events) {
            books.apply(fact, at);
        }
        let resumed = shadow::from_the_middle(|| self.books(&self.supervisors[desk].spec), &events);
        let resumed = resumed.is_none_or(|resumed| resumed.digest(self.now) == books.digest(self.now));
        let this = &mut self.supervisors[desk];
        law!(resumed, "a snapshot and the tail of {} are the fold of all", this.spec.name);
        let (live, folded) = (books.digest(self.now), this.shadow.digest(self.now));
        law!(live == folded, "fold = live at a rebuild of {}:\n  {live}\n  {folded}", this.spec.name);
        let remembered = books.remembered();
        this.desk = Some(Desk::new(this.entry.clone(), self.team.verifiers.clone(), books));
        this.life += 1;
        if this.life > 1 {
            let life = self.tracker.life;
            self.send((Who::Desk(desk), Who::Tracker), Mail::Refold { life, desk });
        }
        self.step_desk(desk, DeskMessage::Begin, None)?;
        // Who has ended while it was dead does not say so again.
        for goal in remembered {
            if self.goals[self.numbers[&goal]].settled.is_some() {
                self.step_desk(desk, DeskMessage::Forget { goal }, None)?;
            }
        }
        Ok(())
    }

    fn step_desk(&mut self, number: usize, message: DeskMessage, cause: Option<Cause>) -> Result<(), String> {
        let (now, draw) = (self.now, self.draws.unit());
        let this = &mut self.supervisors[number];
        let Some(desk) = &mut this.desk else { return Ok(()) };
        let turn = desk.step(message, DeskScene { now, draw, cause });
        let name = &this.spec.name;
        for (fact, _) in &turn.record {
            this.shadow.apply(fact, now);
        }
        if let Some(difference) = shadow::difference(&desk.books, &this.shadow, now) {
            return Err(format!("fold = live at every index, of {name}: {difference}"));
        }
        law!(
            desk.permits_held() <= desk.books.flights.len(),
            "only what is in flight holds a permit: {name} holds {} for {}",
            desk.permits_held(),
            desk.books.flights.len()
        );
        // A slot whose report is being examined is free for a judge.
        let work = |flight: &&Flight| !flight.is_waiting() && !flight.delegation.is_judgement();
        let running = desk.books.flights.values().filter(|flight| flight.is_running()).count();
        let begun = desk.books.flights.values().filter(work).count().max(running);
        law!(begun <= this.spec.max_concurrent as usize, "seats are never exceeded: {name} has begun {begun}");
        if !turn.record.is_empty() {
            let flights = desk.books.in_flight();
            let scene = Scene {
                now,
                draw: 0.5,
                agent: &this.entry.name,
                capabilities: &this.entry.capabilities,
                seats: this.entry.seats,
                cost_per_task: 0,
                in_flight: &flights,
                trust: &desk.books.trust,
            };
            for (fact, _) in &turn.record {
                if let bailiwick_protocols::AgentFact::Admitted { delegation } = fact {
                    law!(
                        shadow::rules_alike(&desk.books, &this.shadow, delegation, &scene),
                        "fold = live: the policies of {name} rule differently after a fold"
                    );
                }
            }
        }
        let due_next = desk.next_due();
        let dues = turn.commit(&self.log, &this.stream.clone(), now, None, Event::Agent);
        for due in dues {
            self.act_for_desk(number, due.effect, due.cause)?;
        }
        let this = &mut self.supervisors[number];
        if let Some((at, armed)) = this.alarm.set(due_next) {
            let life = this.life;
            self.post.at(at.max(now), Mail::DeskAlarm { desk: number, life, armed });
        }
        Ok(())
    }

    fn act_for_desk(&mut self, desk: usize, effect: DeskEffect, cause: Option<Cause>) -> Result<(), String> {
        let from = Who::Desk(desk);
        match effect {
            DeskEffect::Refused { delegation, refusal } => {
                let goal = self.numbers[&delegation.goal];
                self.tell_goal((from, goal), GoalInput::Refused { delegation, refusal }, None);
            }
            DeskEffect::Settled { settlement } => {
                let goal = self.numbers[&settlement.delegation.goal];
                self.tell_goal((from, goal), GoalInput::Settled { settlement }, cause);
            }
            DeskEffect::StartSeat { seat } => {
                self.serials += 1;
                let this = &mut self.supervisors[desk];
                let before = this.seats.insert(seat, Seat { serial: self.serials, carried: None });
                law!(before.is_none(), "{} starts seat {seat}, which is there", this.spec.name);
                let (there, most) = (this.seats.len(), this.spec.max_concurrent as usize);
                law!(there <= most, "seats are never exceeded: {} has {there}", this.spec.name);
            }
            DeskEffect::StopSeat { seat } => {
                let stopped = self.supervisors[desk].seats.remove(&seat);
                law!(
                    stopped.is_some_and(|seat| seat.carried.is_none()),
                    "{} lets go of seat {seat}, which works",
                    self.supervisors[desk].spec.name
                );
            }
            DeskEffect::Carry { seat, assignment } => {
                let Some(there) = self.supervisors[desk].seats.get(&seat) else { return Ok(()) };
                let (serial, delegation) = (there.serial, assignment.delegation.clone());
                let mail = Mail::Carry { desk, seat, serial, delegation, cause };
                self.send((from, Who::Seat(serial)), mail);
            }
            DeskEffect::Cease { seat } => {
                if let Some(there) = self.supervisors[desk].seats.get(&seat) {
                    let serial = there.serial;
                    self.send((from, Who::Seat(serial)), Mail::Cease { desk, seat, serial });
                }
            }
            DeskEffect::Kill { seat } => self.seat_falls(desk, seat, SeatEnd::Killed),
            DeskEffect::Examine { delegation, contract, output, round, .. } => {
                let agent = self.supervisors[desk].spec.name.clone();
                let (asker, life) = (Asker::Report { agent, delegation: delegation.id }, self.pool.life);
                self.send((from, Who::Pool), Mail::Examine { life, asker, contract, output, round });
            }
            DeskEffect::Learn { delegation, evidence } => {
                let (life, desk_life) = (self.tracker.life, self.supervisors[desk].life);
                self.send((from, Who::Tracker), Mail::Learn { life, desk, desk_life, delegation, evidence, cause });
            }
            DeskEffect::Room { goal, permit } => {
                let (goal, agent) = (self.numbers[&goal], self.supervisors[desk].spec.name.clone());
                self.tell_goal((from, goal), GoalInput::Room { agent, permit }, None);
            }
            DeskEffect::AskGoal { .. }
            | DeskEffect::CallOff { .. }
            | DeskEffect::Reply { .. }
            | DeskEffect::Allow { .. } => {
                return Err("no simulated agent hands work on or uses a tool".to_owned());
            }
        }
        Ok(())
    }

    // --- seats --------------------------------------------------------------------------------------------------

    fn carry(
        &mut self,
        desk: usize,
        number: u32,
        serial: u64,
        delegation: Arc<Delegation>,
        cause: Option<Cause>,
    ) -> Result<(), String> {
        let this = &mut self.supervisors[desk];
        let Some(seat) = this.seats.get_mut(&number).filter(|seat| seat.serial == serial) else { return Ok(()) };
        law!(seat.carried.is_none(), "{} has two assignments in seat {number}", this.spec.name);
        let goal = self.numbers[&delegation.id.goal];
        law!(
            self.goals[goal].settled.is_none(),
            "nothing is carried out after the end of its goal: {} begins {}",
            this.spec.name,
            delegation.id
        );
        let (heeds, end) = seat::attempt(&mut self.draws, &self.script.team[desk], &delegation);
        let id = delegation.id;
        seat.carried = Some(Carried { delegation, cause: cause.clone(), heeds });
        if let Some((after, end)) = end {
            let report = match end {
                End::Report(report) => Some(report),
                End::Panic => None,
            };
            let done = Mail::Done { desk, seat: number, serial, delegation: id, report };
            self.post.at(self.now + after, done);
        }
        let started = GoalInput::Started { delegation: id, at: self.now };
        self.tell_goal((Who::Seat(serial), goal), started, cause);
        Ok(())
    }

    fn cease(&mut self, desk: usize, number: u32, serial: u64) {
        let Some(seat) = self.supervisors[desk].seats.get(&number).filter(|seat| seat.serial == serial) else { return };
        let Some(carried) = seat.carried.as_ref().filter(|carried| carried.heeds) else { return };
        let delegation = carried.delegation.id;
        let report = Some(seat::stopped(&mut self.draws, &carried.delegation));
        let at = self.now + Duration::from_millis(self.draws.below(2_500));
        self.post.at(at, Mail::Done { desk, seat: number, serial, delegation, report });
    }

    fn done(
        &mut self,
        desk: usize,
        number: u32,
        serial: u64,
        delegation: DelegationId,
        report: Option<Box<bailiwick_protocols::Report>>,
    ) {
        let this = &mut self.supervisors[desk];
        let Some(seat) = this.seats.get_mut(&number).filter(|seat| seat.serial == serial) else { return };
        let Some(done) = seat.carried.take_if(|carried| carried.delegation.id == delegation) else { return };
        match report {
            Some(report) => {
                let message = DeskMessage::Report { delegation, report };
                self.tell_desk(Who::Seat(serial), desk, message, done.cause);
            }
            None => self.seat_falls(desk, number, SeatEnd::Crashed("panic: boom".to_owned())),
        }
    }

    fn seat_falls(&mut self, desk: usize, seat: u32, why: SeatEnd) {
        if self.supervisors[desk].seats.remove(&seat).is_some() {
            let (life, at) = (self.supervisors[desk].life, self.now + Duration::from_millis(self.draws.below(4)));
            self.post.at(at, Mail::SeatDown { desk, life, seat, why });
            self.deaths += 1;
        }
    }

    // --- goals --------------------------------------------------------------------------------------------------

    fn submit(&mut self, number: usize) -> Result<(), String> {
        if self.coordinator_dead {
            // The caller is told that it was not recorded, and submits it again.
            let at = self.now + Duration::from_millis(50);
            self.post.at(at, Mail::Submit { goal: number });
            return Ok(());
        }
        let goal = Arc::new(self.script.goals[number].goal.clone());
        let grant = match &goal.settings.permissions {
            Some(ceiling) => self.grants.meet(ceiling),
            None => self.grants.clone(),
        };
        let deadline = goal.budget.wall.map(|wall| self.now + wall);
        let mandate = Mandate::root(grant, goal.budget.slice, deadline, goal.bounds.depth);
        let this = &mut self.goals[number];
        let accepted = AcceptedGoal { id: this.id, goal, mandate };
        this.machine = Some(GoalMachine::accept(&accepted, self.team.clone(), self.now));
        this.must_end = deadline.map(|deadline| deadline + STOPPED_WITHIN);
        self.step_goal(number, GoalInput::Begin, None)
    }

    fn goal_dies(&mut self, goal: usize) {
        let this = &mut self.goals[goal];
        if this.machine.take().is_some() {
            this.alarm = Alarm::default();
            self.deaths += 1;
        }
    }

    fn rise_goal(&mut self, number: usize) -> Result<(), String> {
        let id = self.goals[number].id;
        let recorded = self.log.stream(&Stream::Goal(id));
        let state = GoalState::fold(id, events(&recorded)).ok_or("a goal without a submission")?;
        let this = &mut self.goals[number];
        law!(this.shadow.as_ref() == Some(&state), "fold = live at a rebuild of goal {id}");
        this.machine = Some(GoalMachine::over(state, self.team.clone()));
        this.life += 1;
        let cancel = this.cancel.clone();
        self.step_goal(number, GoalInput::Begin, None)?;
        if let Some((by, graceful)) = cancel {
            self.tell_goal((Who::Coordinator, number), GoalInput::Cancel { by, graceful }, None);
        }
        Ok(())
    }

    fn step_goal(&mut self, number: usize, input: GoalInput, cause: Option<Cause>) -> Result<(), String> {
        let now = self.now;
        let this = &mut self.goals[number];
        let Some(machine) = &mut this.machine else { return Ok(()) };
        if let GoalInput::Cancel { graceful: false, .. } = &input {
            let by = now + STOPPED_WITHIN;
            this.must_end = Some(this.must_end.map_or(by, |before| before.min(by)));
        }
        let was_settled = machine.state.settled.is_some();
        let draws = &mut self.draws;
        let scene = GoalScene { now, draw: &mut || draws.unit(), cause };
        let turn = machine.step(input, scene);
        law!(!machine.holds_permit(), "no task that waits holds a permit, of goal {}", this.id);
        law!(!was_settled || turn.is_empty(), "a goal that is settled does something: {turn:?}");
        for (event, _) in &turn.record {
            match &mut this.shadow {
                Some(shadow) => shadow.apply(event, now),
                empty => *empty = GoalState::fold(this.id, [(event, now)]),
            }
        }
        if this.shadow.as_ref() != Some(&machine.state) {
            return Err(format!(
                "fold = live at every index, of goal {}\n  live:   {:?}\n  folded: {:?}",
                this.id, machine.state, this.shadow
            ));
        }
        let between = machine.state.tasks.iter().any(|task| matches!(task.phase, Phase::Between { .. }));
        law!(!between, "every attempt is decided on at once, of goal {}", this.id);
        let (due_next, done, id, trace) = (machine.next_due(), turn.done, this.id, machine.state.trace);
        if done && this.settled.is_none() {
            this.settled = Some(now);
            let late = this.must_end.is_some_and(|end| now > end);
            law!(!late, "what must end ends in bounded time: goal {id} only at {}", now.since(EPOCH).as_millis());
            self.post.send(
                now,
                (Who::Goal(number), Who::Coordinator),
                &mut self.draws,
                Mail::GoalEnded { goal: number },
            );
            self.nobody_works_for(id)?;
        }
        let dues = turn.commit(&self.log, &Stream::Goal(id), now, Some(trace), Event::Goal);
        for due in dues {
            self.act_for_goal(number, due.effect, due.cause);
        }
        let this = &mut self.goals[number];
        if let Some((at, armed)) = this.alarm.set(due_next) {
            let life = this.life;
            self.post.at(at.max(now), Mail::GoalAlarm { goal: number, life, armed });
        }
        Ok(())
    }

    fn nobody_works_for(&self, goal: GoalId) -> Result<(), String> {
        for this in &self.supervisors {
            for (number, seat) in &this.seats {
                let works = seat.carried.as_ref().is_some_and(|carried| carried.delegation.id.goal == goal);
                law!(!works, "nothing is carried out after the end of its goal: {} in seat {number}", this.spec.name);
            }
        }
        Ok(())
    }

    fn act_for_goal(&mut self, goal: usize, effect: GoalEffect, cause: Option<Cause>) {
        let from = Who::Goal(goal);
        match effect {
            GoalEffect::Delegate { delegation, contract, permit, more } => {
                let Some(desk) = self.desk_of(&delegation.agent) else { return };
                self.tell_desk(from, desk, DeskMessage::Delegate { delegation, contract, permit, more }, cause);
            }
            GoalEffect::Ticket { agent } => {
                let weight = self.script.goals[goal].goal.settings.priority.unwrap_or(3);
                let id = self.goals[goal].id;
                let Some(desk) = self.desk_of(&agent) else { return };
                self.tell_desk(from, desk, DeskMessage::Ticket { goal: id, weight }, cause);
            }
            GoalEffect::Revoke { agent, delegation, reason, only_waiting } => {
                let Some(desk) = self.desk_of(&agent) else { return };
                self.tell_desk(from, desk, DeskMessage::Revoke { delegation, reason, only_waiting }, cause);
            }
            GoalEffect::Plan { request } => {
                let answers = &self.script.goals[goal].answers;
                let usage = Usage { input_tokens: 10, calls: 1, ..Usage::default() };
                let answer: PlanAnswer = match answers.get(request.round as usize - 1) {
                    Some(Answer::Tasks(tasks)) => Ok(Plan { tasks: tasks.clone(), usage, cost: Cost::Known(7) }),
                    Some(Answer::Silence) | None => Err("nothing comes to mind".to_owned()),
                };
                self.helped(goal, GoalInput::Planned { round: request.round, answer });
            }
            GoalEffect::Synthesise { request } => {
                let result = match self.draws.below(4) {
                    0 => Err("it does not rhyme".to_owned()),
                    _ => Ok(Output::text("right, all of it")),
                };
                let usage = Usage { output_tokens: 5, calls: 1, ..Usage::default() };
                let cost = Cost::Known(3);
                self.helped(goal, GoalInput::Synthesised { round: request.round, result, usage, cost });
            }
            GoalEffect::Examine { contract, output, round, .. } => {
                let (asker, life) = (Asker::Goal(self.goals[goal].id), self.pool.life);
                self.send((from, Who::Pool), Mail::Examine { life, asker, contract, output, round });
            }
            GoalEffect::Answer { .. } => {}
            GoalEffect::Judged { asker, seat, answer } => {
                let (life, key) = (self.pool.life, (asker, seat.round));
                self.send((from, Who::Pool), Mail::Judged { life, key, seat, answer });
            }
            GoalEffect::Forget { agents } => {
                let id = self.goals[goal].id;
                for agent in agents {
                    if let Some(desk) = self.desk_of(&agent) {
                        self.tell_desk(from, desk, DeskMessage::Forget { goal: id }, cause.clone());
                    }
                }
            }
        }
    }

    /// A planner or synthesiser answers, unless the goal's actor dies before.
    fn helped(&mut self, goal: usize, input: GoalInput) {
        let (life, at) = (self.goals[goal].life, self.now + Duration::from_millis(self.draws.below(1_500)));
        self.post.at(at, Mail::Goal { goal, life, input, cause: None });
    }

    // --- trust --------------------------------------------------------------------------------------------------

    fn learn(&mut self, life: u32, desk: usize, asked: &Delegation, evidence: Evidence, cause: Option<Cause>) {
        if self.tracker.life != life || !self.tracker.alive {
            return;
        }
        let lessons = match self.tracker.answers.get(&asked.id) {
            Some((_, lessons)) => lessons.clone(),
            None => {
                let spec = &self.supervisors[desk].spec;
                let (agent, own) = (&spec.name, &spec.capabilities);
                let lessons = self.tracker.ledger.learn(agent, 0, &asked.needs, own, evidence, self.now);
                self.tracker.ledger.apply(agent, 0, &lessons);
                self.tracker.answers.insert(asked.id, (desk, lessons.clone()));
                lessons
            }
        };
        let (delegation, tracker) = (asked.id, self.tracker.life);
        let life = self.supervisors[desk].life;
        self.send((Who::Tracker, Who::Desk(desk)), Mail::Learned { desk, life, tracker, delegation, lessons, cause });
    }

    fn folded_ledger(&self) -> TrustLedger {
        let mut ledger = TrustLedger::new(self.model.clone());
        for this in &self.supervisors {
            for (fact, _) in facts(&self.log.stream(&this.stream)) {
                ledger.apply(&this.spec.name, 0, fact.lessons());
            }
        }
        ledger
    }

    // --- verification -------------------------------------------------------------------------------------------

    fn examine(&mut self, key: Key, contract: Arc<CompiledContract>, output: Arc<Output>) {
        if !self.pool.open.contains_key(&key) {
            let Some(gather) = Gather::new(contract) else {
                return self.verdict(&key, Verdict::abstain("contract", "it asks for no check"));
            };
            self.pool.next += 1;
            self.pool.open.insert(key.clone(), (gather, self.pool.next));
            let (life, examination) = (self.pool.life, self.pool.next);
            let up = Mail::Found { life, examination, key: key.clone(), heard: Heard::TimedUp };
            self.post.at(self.now + Duration::from_secs(31), up);
        }
        let passes = output.checked_text().contains("right");
        // Asked for again: what agents are asked goes up again.
        let again: Vec<_> =
            self.pool.asked.iter().filter(|(_, (_, of, _))| *of == key).map(|(seat, _)| *seat).collect();
        again.into_iter().for_each(|seat| self.ask_judge(seat));
        let Some((gather, examination)) = self.pool.open.get_mut(&key) else { return };
        let (effects, examination) = (gather.step(Heard::Start { output }), *examination);
        for effect in effects {
            match effect {
                Effect::Run { leaf, .. } if self.asks_agent(&key, examination, leaf) => {}
                Effect::Run { leaf, .. } => {
                    let verdict = match passes {
                        true => Verdict::pass("function", 1.0, "passed"),
                        false => Verdict::fail("function", 0.0, "did not pass"),
                    };
                    let heard = match self.draws.below(20) {
                        0 => Heard::LeafLost { leaf },
                        1 => Heard::Found { leaf, verdict: Verdict::abstain("function", "hard to say") },
                        // It hangs: the time runs out.
                        2 => continue,
                        _ => Heard::Found { leaf, verdict },
                    };
                    let at = self.now + Duration::from_millis(self.draws.below(800));
                    let life = self.pool.life;
                    self.post.at(at, Mail::Found { life, examination, key: key.clone(), heard });
                }
                Effect::Conclude(verdict) => {
                    self.pool.open.remove(&key);
                    self.verdict(&key, verdict);
                }
            }
        }
    }

    /// Whether an agent judges this, and if so asks it.
    fn asks_agent(&mut self, (asker, round): &Key, examination: u64, leaf: usize) -> bool {
        let Some(draws) = &mut self.judges else { return false };
        if draws.chance(0.2) {
            return false;
        }
        let judge = draws.pick(&self.script.team).name.as_str().into();
        let of = match asker {
            Asker::Report { delegation, .. } => Some(*delegation),
            Asker::Goal(_) => None,
        };
        let seat = JudgeSeat { of, round: *round, leaf: leaf as u32, seat: 0 };
        self.pool.asked.insert(seat, (examination, (asker.clone(), *round), judge));
        self.ask_judge(seat);
        true
    }

    fn ask_judge(&mut self, seat: JudgeSeat) {
        let Some((_, (asker, _), agent)) = self.pool.asked.get(&seat) else { return };
        let goal = match asker {
            Asker::Report { delegation, .. } => delegation.goal,
            Asker::Goal(goal) => *goal,
        };
        let input = GoalInput::Judge { seat, agent: agent.clone(), question: "is it right?".to_owned() };
        self.tell_goal((Who::Pool, self.numbers[&goal]), input, None);
    }

    fn found(&mut self, key: &Key, heard: Heard) {
        let Some((gather, _)) = self.pool.open.get_mut(key) else { return };
        for effect in gather.step(heard) {
            if let Effect::Conclude(verdict) = effect {
                self.pool.open.remove(key);
                self.verdict(key, verdict);
            }
        }
    }

    fn verdict(&mut self, (asker, round): &Key, verdict: Verdict) {
        let round = *round;
        match asker {
            Asker::Report { agent, delegation } => {
                let delegation = *delegation;
                if let Some(desk) = self.desk_of(agent) {
                    self.tell_desk(Who::Pool, desk, DeskMessage::Examined { delegation, verdict, round }, None);
                }
            }
            Asker::Goal(goal) => {
                let goal = self.numbers[goal];
                self.tell_goal((Who::Pool, goal), GoalInput::Examined { verdict, round }, None);
            }
        }
    }

    // --- laws ---------------------------------------------------------------------------------------------------

    /// Whoever waits for room is called when a permit comes home.
    fn permits_home(&mut self) {
        for desk in 0..self.supervisors.len() {
            for _ in 0..self.supervisors[desk].homes.swap(0, Ordering::Relaxed) {
                self.tell_desk(Who::Edge, desk, DeskMessage::PermitHome, None);
            }
        }
    }

    fn count_permits(&self) -> Result<(), String> {
        for this in &self.supervisors {
            let held = this.desk.as_ref().map_or(0, |desk| desk.permits_held() as i64);
            let free = this.entry.permits.free();
            let all = free + held + this.on_the_way + this.hostages.len() as i64;
            let total = i64::from(this.spec.max_concurrent) + 64;
            law!(
                all == total,
                "what waits, backs off or is held keeps no permit: of {total} of {}, {free} are free, {held} on the \
                 desk, {} on the way, {} with others",
                this.spec.name,
                this.on_the_way,
                this.hostages.len()
            );
        }
        Ok(())
    }

    fn at_the_end(&mut self) -> Result<Tally, String> {
        for this in &self.goals {
            law!(this.settled.is_some(), "every goal settles: {} never does", this.id);
        }
        for this in &self.supervisors {
            let name = &this.spec.name;
            let Some(desk) = &this.desk else { return Err(format!("{name} was not replaced")) };
            law!(desk.books.flights.is_empty(), "one settlement for each admission: {name} keeps some");
            law!(desk.books.order.is_empty(), "nothing waits when everything has ended: {name}");
            law!(
                desk.books.settled.is_empty(),
                "settlements of ended goals are forgotten: {name} keeps {:?}",
                desk.books.settled.keys().collect::<Vec<_>>()
            );
            law!(desk.permits_held() == 0, "all permits come home: {name} keeps {}", desk.permits_held());
            let busy = this.seats.values().any(|seat| seat.carried.is_some());
            law!(!busy, "{name} works when everything has ended");
            let (free, total) = (this.entry.permits.free(), i64::from(this.spec.max_concurrent) + 64);
            law!(free == total, "all permits come home: {free} of {total} of {name}");
            law!(this.entry.permits.take().is_some(), "a ticket waits at {name} when everything has ended");
        }
        let folded = self.folded_ledger();
        law!(
            folded.iter().eq(self.tracker.ledger.iter()),
            "the tracker is the fold of all lessons\n  live:   {:?}\n  folded: {:?}",
            self.tracker.ledger.iter().collect::<Vec<_>>(),
            folded.iter().collect::<Vec<_>>()
        );
        let mut tally = laws::check(&self.streams())?;
        (tally.steps, tally.deaths) = (self.steps, self.deaths);
        Ok(tally)
    }

    fn streams(&self) -> laws::Streams {
        let stream = |stream: &Stream| -> Vec<Arc<Recorded>> { self.log.stream(stream) };
        laws::Streams {
            goals: self.goals.iter().map(|this| (this.id, stream(&Stream::Goal(this.id)))).collect(),
            agents: self.supervisors.iter().map(|this| (this.entry.clone(), stream(&this.stream))).collect(),
        }
    }
}
