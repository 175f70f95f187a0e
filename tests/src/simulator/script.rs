//! What a seed stands for: a team, what its agents are like, what is wanted of them, and what goes wrong meanwhile.

use std::time::Duration;

use bailiwick_protocols::{
    Bounds, Budget, Effects, Goal, OutputSpec, Permissions, Reversibility, RouteWish, Slice, Task, Verify,
};

use super::draws::Draws;

/// The check that takes the pool: it is registered under this name.
pub const CHECKED: &str = "checked";

/// The most characters an output may have; what an agent calls invalid has more.
pub const LENGTH_MAX: usize = 80;

/// A whole simulation, before it begins.
#[derive(Clone, Debug)]
pub struct Script {
    /// The team.
    pub team: Vec<AgentScript>,
    /// What is wanted.
    pub goals: Vec<GoalScript>,
    /// What goes wrong, and when, in milliseconds.
    pub trouble: Vec<(u64, Trouble)>,
    /// The longest delay of a message, in milliseconds.
    pub delay_max: u64,
    /// Whether there is a planner.
    pub planner: bool,
    /// Whether there is a synthesiser.
    pub synthesiser: bool,
    /// How often the least-known agent is tried.
    pub exploration: f64,
    /// Whether one held capability is enough.
    pub partial: bool,
}

/// One agent.
#[derive(Clone, Debug)]
pub struct AgentScript {
    /// Its name.
    pub name: String,
    /// What it can do.
    pub capabilities: Vec<&'static str>,
    /// What it may touch.
    pub permissions: Permissions,
    /// How many attempts run at once.
    pub seats: u32,
    /// What it declares for one task, in micro-USD.
    pub cost: u64,
    /// What it is like.
    pub ways: Vec<(u32, Way)>,
    /// Permits somebody else has taken, and when each comes home, in milliseconds.
    pub hostages: Vec<u64>,
}

/// What becomes of one attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// It is done well.
    Right,
    /// It is done, and wrong.
    Wrong,
    /// The agent says that it failed.
    Fails,
    /// The agent says that trying again is no use.
    FailsForGood,
    /// A provider fails.
    Unavailable,
    /// What comes out has the wrong shape.
    Invalid,
    /// It is done well around its timeout.
    Slow,
    /// It takes for ever, and stops when told to.
    Hangs,
    /// It takes for ever, whatever it is told.
    HangsOn,
    /// The agent panics.
    Panics,
}

/// One goal.
#[derive(Clone, Debug)]
pub struct GoalScript {
    /// When it is submitted, in milliseconds.
    pub at: u64,
    /// What is wanted.
    pub goal: Goal,
    /// What the planner answers, by round.
    pub answers: Vec<Answer>,
}

/// What a planner answers.
#[derive(Clone, Debug)]
pub enum Answer {
    /// These tasks.
    Tasks(Vec<Task>),
    /// Nothing.
    Silence,
}

/// What goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// A seat dies.
    Seat(usize, u32),
    /// A supervisor dies, and its seats with it.
    Supervisor(usize),
    /// All supervisors die.
    Agents,
    /// A goal actor dies.
    Goal(usize),
    /// All goal actors die.
    Coordinator,
    /// The trust tracker dies.
    Tracker,
    /// The verifier pool dies.
    Pool,
    /// A caller cancels, gracefully or not.
    Cancel(usize, bool),
    /// Somebody closes an agent's breakers.
    Release(usize),
    /// Everybody sends again what is open.
    Sweep,
}

const CAPABILITIES: [&str; 3] = ["search", "sum", "write"];

impl Script {
    /// Draws one.
    pub fn draw(draws: &mut Draws) -> Self {
        let crowded = draws.chance(0.25);
        let team: Vec<AgentScript> = (0..draws.within(1..=4)).map(|n| agent(draws, n, crowded)).collect();
        let planner = draws.chance(0.3);
        let goals: Vec<GoalScript> = (0..draws.within(1..=4)).map(|_| goal(draws, planner)).collect();
        let goals = together(draws, goals);
        let mut trouble = Vec::new();
        for _ in 0..*draws.pick(&[0, 1, 4, 20]) {
            // Most of it soon after a goal came in, when much is under way.
            let (at, span) = (draws.pick(&goals).at, *draws.pick(&[100, 1_000, 5_000, 40_000]));
            trouble.push((at + draws.below(span), draw_trouble(draws, team.len() as u64, goals.len() as u64)));
        }
        Self {
            team,
            goals,
            trouble,
            delay_max: *draws.pick(&[0, 3, 50, 400]),
            planner,
            synthesiser: draws.chance(0.2),
            exploration: *draws.pick(&[0.0, 0.05, 0.5]),
            partial: draws.chance(0.1),
        }
    }
}

/// Lets some goals come at the same time, or nearly.
fn together(draws: &mut Draws, mut goals: Vec<GoalScript>) -> Vec<GoalScript> {
    if draws.chance(0.5) {
        goals.iter_mut().for_each(|goal| goal.at %= 50);
    }
    goals
}

fn agent(draws: &mut Draws, number: u64, crowded: bool) -> AgentScript {
    let capabilities: Vec<_> = CAPABILITIES.into_iter().filter(|_| draws.chance(0.7)).collect();
    let seats = draws.within(1..=3) as u32;
    let permissions: &[&str] = draws.weighed(&[(4, &["fs.read:*"][..]), (2, &["fs.read:repo/*"]), (1, &[])]);
    let others = if crowded || draws.chance(0.2) { u64::from(seats) + 64 - draws.below(4) } else { 0 };
    let span = *draws.pick(&[200, 5_000, 30_000]);
    AgentScript {
        name: format!("{}{number}", ["ada", "bo", "cy", "di"][number as usize % 4]),
        capabilities: if capabilities.is_empty() { vec!["sum"] } else { capabilities },
        permissions: Permissions::parse(permissions).unwrap_or_default(),
        seats,
        cost: *draws.pick(&[0, 0, 0, 1_000, 20_000]),
        ways: ways(draws),
        hostages: (0..others).map(|_| draws.below(span)).collect(),
    }
}

fn ways(draws: &mut Draws) -> Vec<(u32, Way)> {
    use Way::{Fails, FailsForGood, Hangs, HangsOn, Invalid, Panics, Right, Slow, Unavailable, Wrong};
    // Most are good at it; some have one bad habit, and a few have all of them.
    let mut ways = vec![(10, Right)];
    let habits = [Wrong, Fails, FailsForGood, Unavailable, Invalid, Slow, Hangs, HangsOn, Panics];
    match draws.below(5) {
        0 => {}
        1 | 2 => ways.push((draws.within(2..=30) as u32, *draws.pick(&habits))),
        3 => ways.extend((0..2).map(|_| (draws.within(1..=10) as u32, *draws.pick(&habits)))),
        _ => ways.extend(habits.map(|habit| (2, habit))),
    }
    ways
}

fn goal(draws: &mut Draws, planner: bool) -> GoalScript {
    let mut goal = Goal::new("what is wanted");
    let (mut answers, mut brings) = (Vec::new(), false);
    match draws.below(10) {
        0..=6 => (brings, goal.tasks) = (true, plan(draws)),
        7 if planner => {
            goal.route = RouteWish::Plan;
            answers = (0..3).map(|_| answer(draws)).collect();
        }
        _ => {}
    }
    if !brings {
        goal.contract.verify = verify(draws);
        goal.contract.output = shape();
        goal.needs = needs(draws);
        goal.settings.complexity = Some(draws.within(1..=5) as u8);
    } else if draws.chance(0.3) {
        goal.contract.verify = verify(draws);
    }
    let settings = &mut goal.settings;
    settings.reversibility =
        Some(draws.weighed(&[(1, Reversibility::Low), (4, Reversibility::Medium), (2, Reversibility::High)]));
    settings.timeout = Some(Duration::from_millis(draws.within(1_000..=20_000)));
    settings.retries = Some(draws.below(3) as u32);
    settings.priority = Some(draws.within(1..=5) as u8);
    if draws.chance(0.2) {
        settings.permissions = Permissions::parse(["fs.read:repo/a"]).ok();
    }
    let slice = Slice {
        micro_usd: draws.chance(0.15).then(|| draws.within(0..=60_000)),
        tokens: draws.chance(0.1).then(|| draws.within(0..=2_000)),
    };
    let wall = draws.chance(0.25).then(|| Duration::from_millis(*draws.pick(&[0, 300, 3_000, 20_000, 90_000])));
    goal.budget = Budget { slice, wall };
    goal.bounds = Bounds { depth: draws.below(3) as u8, ..Bounds::default() };
    GoalScript { at: draws.below(10_000), goal, answers }
}

fn answer(draws: &mut Draws) -> Answer {
    match draws.below(4) {
        0 => Answer::Silence,
        1 => Answer::Tasks(vec![Task::new("a", "one").after(["b"]), Task::new("b", "two").after(["a"])]),
        _ => Answer::Tasks(plan(draws)),
    }
}

/// A plan of up to eight tasks, listed in any order.
fn plan(draws: &mut Draws) -> Vec<Task> {
    let count = draws.within(1..=8);
    let density = *draws.pick(&[0.0, 0.2, 0.5, 1.0]);
    let mut tasks: Vec<Task> = Vec::new();
    for n in 0..count {
        let mut task = Task::new(format!("t{n}"), format!("do {n}"));
        for before in 0..n {
            match draws.chance(density) {
                true if draws.chance(0.25) => task = task.optional_after([format!("t{before}")]),
                true => task = task.after([format!("t{before}")]),
                false => {}
            }
        }
        task.needs = needs(draws);
        task.contract.verify = verify(draws);
        task.contract.output = shape();
        if draws.chance(0.15) {
            let required = *draws.pick(&["fs.read:repo/a", "fs.read:other", "net.get:*"]);
            task.settings.permissions = Permissions::parse([required]).ok();
        }
        if draws.chance(0.5) {
            task.settings.criticality = Some(draws.within(1..=5) as u8);
        }
        if draws.chance(0.3) {
            task.settings.reversibility =
                Some(*draws.pick(&[Reversibility::Low, Reversibility::Medium, Reversibility::High]));
        }
        if draws.chance(0.5) {
            task.settings.effects = Some(*draws.pick(&[Effects::None, Effects::Idempotent, Effects::Once]));
        }
        if draws.chance(0.05) {
            task.budget = Some(Slice { micro_usd: Some(draws.below(30_000)), tokens: None });
        }
        tasks.push(task);
    }
    draws.shuffle(&mut tasks);
    tasks
}

fn needs(draws: &mut Draws) -> Vec<bailiwick_protocols::Capability> {
    let mut needs: Vec<_> = CAPABILITIES.into_iter().filter(|_| draws.chance(0.35)).map(Into::into).collect();
    if draws.chance(0.02) {
        needs.push("fly".into());
    }
    needs
}

fn verify(draws: &mut Draws) -> Verify {
    match draws.below(10) {
        0 | 1 => Verify::None,
        2..=5 => Verify::contains("right"),
        6 | 7 => Verify::Function(CHECKED.to_owned()),
        8 => Verify::all([Verify::contains("right"), Verify::Function(CHECKED.to_owned())]),
        _ => Verify::any([Verify::contains("never said"), Verify::Function(CHECKED.to_owned())]),
    }
}

fn shape() -> OutputSpec {
    OutputSpec { max_length: Some(LENGTH_MAX), ..OutputSpec::default() }
}

fn draw_trouble(draws: &mut Draws, agents: u64, goals: u64) -> Trouble {
    let (agent, goal) = (draws.below(agents) as usize, draws.below(goals) as usize);
    let seat = draws.within(1..=3) as u32;
    let graceful = draws.chance(0.5);
    draws.weighed(&[
        (5, Trouble::Seat(agent, seat)),
        (4, Trouble::Supervisor(agent)),
        (1, Trouble::Agents),
        (4, Trouble::Goal(goal)),
        (1, Trouble::Coordinator),
        (3, Trouble::Tracker),
        (2, Trouble::Pool),
        (3, Trouble::Cancel(goal, graceful)),
        (1, Trouble::Release(agent)),
        (1, Trouble::Sweep),
    ])
}
