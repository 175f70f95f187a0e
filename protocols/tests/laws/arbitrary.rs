//! Draws any value that can be said: a strategy for every payload type.
//!
//! Only what has no written form is left out: floats that are not finite, `Some(null)` (JSON has one null), and a `/`
//! in the name of an agent or team.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bailiwick_protocols::{
    AgentFact, AgentName, Brief, Capability, Cause, Code, Constraint, Contract, Cost, Delegated, Delegation,
    DelegationId, Directive, Effects, Ended, Event, Failure, Fault, Feedback, Goal, GoalEvent, GoalId, Json, JudgeSpec,
    Judged, Lesson, Limits, Mandate, Outcome, Output, OutputFormat, OutputSpec, Outside, Permission, Permissions,
    PolicyFact, PolicyRuling, Recorded, Recovery, Refusal, Report, Reversibility, Ruling, RuntimeEvent, Settlement,
    SettlementKind, Slice, Stream, Task, TaskId, TaskSpec, TeamName, Timestamp, Traceparent, Tried, TrustRecord,
    TrustScore, Usage, Verdict, Verify, Vote,
    event::{Candidate, CeaseReason, ChosenBy, JudgeSeat, PassedOver, Route, RouteRule, SeatEnd, Skipped, Terms},
    outcome::{CanceledBy, RefusedBy, RevokeReason, SkippedBecause, Trip},
    permission::Rule,
    policy::ApprovalRequest,
    task::{Bounds, Budget, RouteWish, Settings},
    trust::{Evidence, Gravity},
};
use proptest::{collection::vec, option, prelude::*, sample::select};
use serde_json::Value;

/// How a property is tried: this often, and without files beside the sources; a failing seed becomes a test.
pub fn tried(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

// What everything is made of.

/// Short texts, many of them made of what the written forms use as marks.
pub fn text() -> BoxedStrategy<String> {
    const AWKWARD: [&str; 8] =
        ["", " ", "a until 5", "x where [", "\"]} until 7", "a\\\"b\n\t\u{0}", "日本語 ñ e\u{301}", "👩‍🚀"];
    prop_oneof![select(&AWKWARD[..]).prop_map(str::to_owned), "[a-z ]{0,8}", "\\PC{0,4}"].boxed()
}

/// Names as people give them: never empty, never with a `/`.
pub fn name() -> BoxedStrategy<String> {
    prop_oneof![
        "[a-z][a-z0-9_.-]{0,6}",
        select(&["ada", "bo", "Zoë", "検索", "7", "with space"][..]).prop_map(str::to_owned)
    ]
    .boxed()
}

fn agent_name() -> BoxedStrategy<AgentName> {
    name().prop_map(AgentName::from).boxed()
}

fn team_name() -> BoxedStrategy<TeamName> {
    name().prop_map(TeamName::from).boxed()
}

pub fn task_id() -> BoxedStrategy<TaskId> {
    name().prop_map(TaskId::from).boxed()
}

pub fn capability() -> BoxedStrategy<Capability> {
    prop_oneof![name().prop_map(Capability::from), select(&["web.search", "write"][..]).prop_map(Capability::from)]
        .boxed()
}

pub fn goal_id() -> BoxedStrategy<GoalId> {
    any::<u128>().prop_map(|bits| GoalId::new(uuid::Uuid::from_u128(bits))).boxed()
}

pub fn delegation_id() -> BoxedStrategy<DelegationId> {
    (goal_id(), any::<u32>()).prop_map(|(goal, number)| DelegationId { goal, number }).boxed()
}

/// Any point in time, the far end of the numbers included.
pub fn timestamp() -> BoxedStrategy<Timestamp> {
    prop_oneof![0..4_102_444_800_000_u64, any::<u64>()].prop_map(Timestamp::from_millis).boxed()
}

/// Any finite float, minus zero and subnormal ones included.
pub fn finite() -> BoxedStrategy<f64> {
    use prop::num::f64::{NEGATIVE, NORMAL, POSITIVE, SUBNORMAL, ZERO};
    prop_oneof![NORMAL | SUBNORMAL | ZERO | POSITIVE | NEGATIVE, -1e6..1e6, Just(-0.0)].boxed()
}

fn unit() -> BoxedStrategy<f64> {
    prop_oneof![0.0..=1.0, Just(0.0), Just(1.0)].boxed()
}

/// Spans in whole milliseconds: what the journal keeps.
fn millis() -> BoxedStrategy<Duration> {
    any::<u64>().prop_map(Duration::from_millis).boxed()
}

fn span() -> BoxedStrategy<Duration> {
    (any::<u64>(), 0..1_000_000_000_u32).prop_map(|(seconds, nanos)| Duration::new(seconds, nanos)).boxed()
}

fn value() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        finite().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            vec((text(), inner), 0..3).prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
    .boxed()
}

pub fn json() -> BoxedStrategy<Json> {
    value().prop_map(Json).boxed()
}

/// JSON where absence has its own form: `Some(null)` and `None` are written alike.
fn maybe_json() -> BoxedStrategy<Option<Json>> {
    option::of(json().prop_filter("null is absence", |json| *json.value() != Value::Null)).boxed()
}

fn named_values() -> BoxedStrategy<BTreeMap<String, Json>> {
    prop::collection::btree_map(text(), json(), 0..3).boxed()
}

// Cost, trust and verdicts.

pub fn usage() -> BoxedStrategy<Usage> {
    any::<[u64; 6]>()
        .prop_map(|[input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, calls]| {
            Usage { input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, calls }
        })
        .boxed()
}

pub fn cost() -> BoxedStrategy<Cost> {
    prop_oneof![any::<u64>().prop_map(Cost::Known), Just(Cost::Unknown)].boxed()
}

pub fn slice() -> BoxedStrategy<Slice> {
    (option::of(any::<u64>()), option::of(any::<u64>()))
        .prop_map(|(micro_usd, tokens)| Slice { micro_usd, tokens })
        .boxed()
}

fn trust_score() -> BoxedStrategy<TrustScore> {
    unit().prop_map(TrustScore::new).boxed()
}

pub fn trust_record() -> BoxedStrategy<TrustRecord> {
    (trust_score(), timestamp(), 0.0..1e6, 0.0..1e6)
        .prop_map(|(score, at, successes, failures)| TrustRecord { score, at, successes, failures })
        .boxed()
}

pub fn lesson() -> BoxedStrategy<Lesson> {
    let evidence = prop_oneof![
        Just(Evidence::Success),
        select(&[Gravity::Ordinary, Gravity::Breach, Gravity::Violation][..]).prop_map(Evidence::Failure)
    ];
    (capability(), evidence, trust_score(), trust_record())
        .prop_map(|(capability, evidence, before, after)| Lesson { capability, evidence, before, after })
        .boxed()
}

/// Any verdict, the contradictory one (passed and abstained) included: a journal may hold it.
pub fn verdict() -> BoxedStrategy<Verdict> {
    (any::<bool>(), any::<bool>(), unit(), text(), text(), vec(judged(), 0..3))
        .prop_map(|(passed, abstained, score, method, details, judges)| Verdict {
            passed,
            abstained,
            score,
            method,
            details,
            judges: judges.into(),
        })
        .boxed()
}

fn judged() -> BoxedStrategy<Judged> {
    let vote = select(&[Vote::Passed, Vote::Failed, Vote::Abstained, Vote::Recused][..]);
    (text(), any::<u32>(), text(), vote, option::of(unit()), any::<u32>())
        .prop_map(|(judge, seat, perspective, vote, score, reason_chars)| Judged {
            judge,
            seat,
            perspective,
            vote,
            score,
            reason_chars,
        })
        .boxed()
}

// Permissions and mandates.

pub fn rule() -> BoxedStrategy<Rule> {
    prop_oneof![
        json().prop_map(Rule::Equals),
        vec(json(), 0..3).prop_map(Rule::OneOf),
        finite().prop_map(Rule::AtMost),
        text().prop_map(Rule::Under),
        text().prop_map(Rule::Matches),
    ]
    .boxed()
}

pub fn constraint() -> BoxedStrategy<Constraint> {
    (text(), rule()).prop_map(|(argument, rule)| Constraint { argument, rule }).boxed()
}

/// Any permission: odd scopes and conditions, as different from each other as can be.
pub fn permission() -> BoxedStrategy<Permission> {
    let action = "[a-z]{1,3}(\\.[a-z0-9_-]{1,3}){1,2}";
    let scope = prop_oneof![
        Just("*".to_owned()),
        "[a-z_ .]{0,2}[a-z](/[a-z]{1,3}){0,3}(/\\*)?",
        select(&["日本/*", "a b/c", "a:b"][..]).prop_map(str::to_owned)
    ];
    (action, scope, vec(constraint(), 0..3), option::of(timestamp()))
        .prop_filter_map("not a permission", |(action, scope, constraints, expires)| {
            let permission: Permission = format!("{action}:{scope}").parse().ok()?;
            Some(under(permission, constraints, expires))
        })
        .boxed()
}

/// Permissions over few words, so that two of them often meet.
pub fn neighbour() -> BoxedStrategy<Permission> {
    const SCOPES: [&str; 9] = ["*", "docs", "docs/*", "docs/a", "docs/a/*", "docs/a/b", "docsx", "docsx/*", "repo/*"];
    let rules = prop_oneof![
        select(&[-0.0, 0.0, 1.0, 2.0, 3.0][..]).prop_map(Rule::AtMost),
        select(&[0.0, -0.0, 1.0][..]).prop_map(|number| Rule::Equals(number.into())),
        Just(Rule::OneOf(vec![1.into(), 2.into()])),
        Just(Rule::Under("docs/a".into())),
    ];
    let constraint = (select(&["n", "path"][..]), rules)
        .prop_map(|(argument, rule)| Constraint { argument: argument.to_owned(), rule });
    let constraints = prop_oneof![2 => Just(Vec::new()), 1 => vec(constraint, 1..3)];
    let expires = prop_oneof![2 => Just(None), 1 => (1..5_u64).prop_map(|at| Some(Timestamp::from_millis(at)))];
    (select(&["fs.read", "fs.read", "fs.write"][..]), select(&SCOPES[..]), constraints, expires)
        .prop_map(|(action, scope, constraints, expires)| {
            let permission = format!("{action}:{scope}").parse().expect("these are written well");
            under(permission, constraints, expires)
        })
        .boxed()
}

fn under(permission: Permission, constraints: Vec<Constraint>, expires: Option<Timestamp>) -> Permission {
    let permission =
        constraints.into_iter().fold(permission, |permission, c| permission.constrained(c.argument, c.rule));
    expires.into_iter().fold(permission, Permission::until)
}

pub fn permissions() -> BoxedStrategy<Permissions> {
    vec(permission(), 0..3).prop_map(|all| all.into_iter().collect()).boxed()
}

/// Sets over few words, so that two of them often meet.
pub fn neighbours() -> BoxedStrategy<Permissions> {
    vec(neighbour(), 0..4).prop_map(|all| all.into_iter().collect()).boxed()
}

pub fn limits() -> BoxedStrategy<Limits> {
    let set = || option::of(permissions());
    (set(), set(), slice(), option::of(timestamp()), option::of(any::<u8>()), option::of(timestamp()))
        .prop_map(|(exercise, grant, slice, deadline, depth, expires)| {
            let mut limits = Limits::default();
            limits.exercise = exercise;
            limits.grant = grant;
            limits.slice = slice;
            limits.deadline = deadline;
            limits.depth = depth;
            limits.expires = expires;
            limits
        })
        .boxed()
}

/// A mandate that came down from a root by any road there is.
pub fn mandate() -> BoxedStrategy<Mandate> {
    let step = (option::of(option::of(delegation_id())), limits());
    (permissions(), slice(), option::of(timestamp()), any::<u8>(), vec(step, 0..3))
        .prop_map(|(grant, slice, deadline, depth, steps)| {
            let root = Mandate::root(grant, slice, deadline, depth);
            steps.into_iter().fold(root, |mandate, (hand_on, limits)| match hand_on {
                Some(parent) => mandate.hand_on(parent, &limits),
                None => mandate.narrow(&limits),
            })
        })
        .boxed()
}

// Contracts, tasks and goals.

fn judge() -> BoxedStrategy<JudgeSpec> {
    (text(), any::<u8>(), unit(), unit(), option::of(text()))
        .prop_map(|(criterion, judges, threshold, consensus, model)| {
            let mut judge = JudgeSpec::new(criterion).judges(judges).threshold(threshold).consensus(consensus);
            judge.model = model;
            judge
        })
        .boxed()
}

pub fn verify() -> BoxedStrategy<Verify> {
    let leaf = prop_oneof![
        Just(Verify::None),
        text().prop_map(Verify::contains),
        json().prop_map(Verify::equals),
        text().prop_map(Verify::regex),
        json().prop_map(Verify::schema),
        text().prop_map(Verify::function),
        judge().prop_map(Verify::Judge),
    ];
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Verify::all),
            vec(inner.clone(), 0..3).prop_map(Verify::any),
            inner.prop_map(Verify::not),
        ]
    })
    .boxed()
}

pub fn output_format() -> BoxedStrategy<OutputFormat> {
    use OutputFormat::{Json, Markdown, Structured, Text};
    select(&[Text, Json, Markdown, Structured][..]).boxed()
}

fn output_spec() -> BoxedStrategy<OutputSpec> {
    (option::of(output_format()), maybe_json(), option::of(any::<usize>()))
        .prop_map(|(format, schema, max_length)| OutputSpec { format, schema, max_length })
        .boxed()
}

pub fn contract() -> BoxedStrategy<Contract> {
    (verify(), output_spec()).prop_map(|(verify, output)| Contract { verify, output }).boxed()
}

pub fn reversibility() -> BoxedStrategy<Reversibility> {
    select(&[Reversibility::Low, Reversibility::Medium, Reversibility::High][..]).boxed()
}

pub fn effects() -> BoxedStrategy<Effects> {
    select(&[Effects::None, Effects::Idempotent, Effects::Once][..]).boxed()
}

pub fn settings() -> BoxedStrategy<Settings> {
    let number = || option::of(any::<u8>());
    let marks = (option::of(reversibility()), option::of(effects()), option::of(any::<u32>()), option::of(span()));
    (number(), number(), number(), marks, option::of(permissions()), named_values())
        .prop_map(|(priority, complexity, criticality, marks, permissions, metadata)| {
            let (reversibility, effects, retries, timeout) = marks;
            Settings {
                priority,
                complexity,
                criticality,
                reversibility,
                effects,
                retries,
                timeout,
                permissions,
                metadata,
            }
        })
        .boxed()
}

pub fn task() -> BoxedStrategy<Task> {
    let edges = || vec(task_id(), 0..3);
    let handed = (vec(json(), 0..2), vec(text(), 0..2));
    let names = (task_id(), text(), option::of(agent_name()), vec(capability(), 0..3));
    (names, edges(), edges(), handed, contract(), option::of(slice()), settings())
        .prop_map(
            |(
                (id, goal, agent, needs),
                after,
                optional_after,
                (documents, constraints),
                contract,
                budget,
                settings,
            )| {
                let mut task = Task::new(id, goal).after(after).optional_after(optional_after);
                task.agent = agent;
                task.needs = needs;
                task.documents = documents;
                task.constraints = constraints;
                task.contract = contract;
                task.budget = budget;
                task.settings = settings;
                task
            },
        )
        .boxed()
}

/// A task as the journal keeps it, in whole milliseconds.
pub fn task_spec() -> BoxedStrategy<TaskSpec> {
    (task(), settings(), millis())
        .prop_map(|(task, inherited, timeout)| TaskSpec { timeout, ..task.resolve(&inherited) })
        .boxed()
}

pub fn goal() -> BoxedStrategy<Goal> {
    let wish = select(&[RouteWish::Auto, RouteWish::Direct, RouteWish::Plan][..]);
    let budget = (slice(), option::of(span())).prop_map(|(slice, wall)| Budget { slice, wall });
    let bounds = (any::<usize>(), any::<u8>(), any::<usize>()).prop_map(|(tasks, depth, fan_out)| Bounds {
        tasks,
        depth,
        fan_out,
    });
    let handed = (vec(json(), 0..2), vec(text(), 0..2), named_values());
    let how = (budget, bounds, wish, option::of(text()));
    (text(), vec(capability(), 0..3), vec(task(), 0..3), handed, contract(), settings(), how)
        .prop_map(|(text, needs, tasks, (documents, constraints, params), contract, settings, how)| {
            let mut goal = Goal::new(text);
            goal.needs = needs;
            goal.tasks = tasks;
            goal.documents = documents;
            goal.constraints = constraints;
            goal.params = params;
            goal.contract = contract;
            goal.settings = settings;
            (goal.budget, goal.bounds, goal.route, goal.traceparent) = how;
            goal
        })
        .boxed()
}

// Asking and answering.

pub fn output() -> BoxedStrategy<Output> {
    prop_oneof![
        text().prop_map(Output::text),
        text().prop_map(Output::markdown),
        value().prop_map(Output::json),
        (output_format(), json()).prop_map(|(format, content)| Output { format, content }),
    ]
    .boxed()
}

pub const CODES: [Code; 15] = [
    Code::AgentNotFound,
    Code::Timeout,
    Code::ContextTooLarge,
    Code::InvalidOutput,
    Code::AgentError,
    Code::Unauthorized,
    Code::BudgetExhausted,
    Code::DepthExceeded,
    Code::Cycle,
    Code::Canceled,
    Code::VerificationFailed,
    Code::Unavailable,
    Code::Overloaded,
    Code::Expired,
    Code::Lost,
];

pub const FAULTS: [Fault; 5] = [Fault::Agent, Fault::Provider, Fault::Delegator, Fault::Runtime, Fault::Unknown];

pub fn failure() -> BoxedStrategy<Failure> {
    (select(&CODES[..]), text(), any::<bool>(), select(&FAULTS[..]), option::of(text()))
        .prop_map(|(code, message, retryable, fault, stderr)| Failure { code, message, retryable, fault, stderr })
        .boxed()
}

pub fn feedback() -> BoxedStrategy<Feedback> {
    (any::<u32>(), option::of(select(&CODES[..])), option::of(verdict()), text())
        .prop_map(|(attempt, code, verdict, message)| Feedback { attempt, code, verdict, message })
        .boxed()
}

pub fn brief() -> BoxedStrategy<Brief> {
    let inputs = prop::collection::btree_map(task_id(), output(), 0..3);
    let handed = (inputs, named_values(), vec(json(), 0..2), vec(text(), 0..2));
    (task_id(), text(), handed, output_spec(), option::of(feedback()), maybe_json(), named_values())
        .prop_map(|(task, goal, (inputs, params, documents, constraints), output, feedback, checkpoint, metadata)| {
            Brief { task, goal, inputs, params, documents, constraints, output, feedback, checkpoint, metadata }
        })
        .boxed()
}

pub fn traceparent() -> BoxedStrategy<Traceparent> {
    (1..=u128::MAX, 1..=u64::MAX, any::<u8>())
        .prop_map(|(trace, span, flags)| Traceparent { trace, span, flags })
        .boxed()
}

pub fn delegation() -> BoxedStrategy<Delegation> {
    let names = (delegation_id(), task_id(), agent_name(), any::<u32>(), any::<bool>());
    let work = (brief(), contract(), vec(capability(), 0..3), permissions(), mandate());
    let marks = (any::<u8>(), any::<u8>(), reversibility(), effects(), millis());
    let origin = (option::of(delegation_id()), vec(agent_name(), 0..3), text(), traceparent());
    (names, work, marks, origin)
        .prop_map(|(names, work, marks, origin)| {
            let (id, task, agent, attempt, retry) = names;
            let (brief, contract, needs, required, mandate) = work;
            let (priority, criticality, reversibility, effects, timeout) = marks;
            let (parent, lineage, idempotency_key, traceparent) = origin;
            Delegation {
                id,
                task,
                agent,
                attempt,
                retry,
                brief: Arc::new(brief),
                contract: Arc::new(contract),
                needs: needs.into(),
                required,
                mandate,
                priority,
                criticality,
                reversibility,
                effects,
                timeout,
                parent,
                lineage: lineage.into(),
                idempotency_key: idempotency_key.into(),
                traceparent,
            }
        })
        .boxed()
}

pub fn report() -> BoxedStrategy<Report> {
    (prop_oneof![output().prop_map(Ok), failure().prop_map(Err)], usage(), cost(), maybe_json())
        .prop_map(|(result, usage, cost, debrief)| Report { result, usage, cost, debrief })
        .boxed()
}

pub fn delegated() -> BoxedStrategy<Delegated> {
    let what = (outcome(), option::of(output()), option::of(verdict()));
    (task_id(), option::of(agent_name()), what, usage(), cost())
        .prop_map(|(task, agent, (outcome, output, verdict), usage, cost)| Delegated {
            task,
            agent,
            outcome,
            output,
            verdict,
            usage,
            cost,
        })
        .boxed()
}

fn outside() -> BoxedStrategy<Outside> {
    prop_oneof![Just(Outside::Scope), Just(Outside::Expired), text().prop_map(Outside::Argument)].boxed()
}

pub fn refusal() -> BoxedStrategy<Refusal> {
    use Refusal as R;
    prop_oneof![
        Just(R::Full),
        (option::of(capability()), timestamp()).prop_map(|(capability, until)| R::BreakerOpen { capability, until }),
        option::of(capability()).prop_map(|capability| R::Probing { capability }),
        Just(R::Isolated),
        permissions().prop_map(|missing| R::Unauthorized { missing }),
        Just(R::MandateExpired),
        Just(R::DeadlinePassed),
        capability().prop_map(|capability| R::TrustTooLow { capability }),
        Just(R::RetriesExhausted),
        Just(R::BudgetExhausted),
        vec(agent_name(), 0..3).prop_map(|path| R::Cycle { path }),
        Just(R::DepthExceeded),
        any::<usize>().prop_map(|limit| R::FanOutExceeded { limit }),
        any::<usize>().prop_map(|limit| R::TooManyTasks { limit }),
        vec(capability(), 0..3).prop_map(|missing| R::NobodyCapable { missing }),
        (agent_name(), vec(capability(), 0..3)).prop_map(|(agent, missing)| R::Incapable { agent, missing }),
        agent_name().prop_map(|agent| R::UnknownAgent { agent }),
        (text(), outside()).prop_map(|(needs, outside)| R::OutsideMandate { needs, outside }),
        text().prop_map(|name| R::NameTaken { name }),
        text().prop_map(|problem| R::Invalid { problem }),
        Just(R::Draining),
        Just(R::CalledBack),
        Just(R::Overloaded),
        (text(), text()).prop_map(|(policy, reason)| R::Policy { policy, reason }),
        text().prop_map(|what| R::NotInThisVersion { what }),
    ]
    .boxed()
}

// How things end.

pub fn canceled_by() -> BoxedStrategy<CanceledBy> {
    prop_oneof![text().prop_map(CanceledBy::Caller), Just(CanceledBy::Parent), Just(CanceledBy::Shutdown)].boxed()
}

pub fn skipped_because() -> BoxedStrategy<SkippedBecause> {
    prop_oneof![task_id().prop_map(SkippedBecause::Needed), Just(SkippedBecause::GoalEnded)].boxed()
}

pub fn outcome() -> BoxedStrategy<Outcome> {
    prop_oneof![
        Just(Outcome::Verified),
        Just(Outcome::Unverified),
        verdict().prop_map(|verdict| Outcome::NotVerified { verdict }),
        failure().prop_map(|cause| Outcome::Failed { cause }),
        refusal().prop_map(|refusal| Outcome::Refused { refusal }),
        canceled_by().prop_map(|by| Outcome::Canceled { by }),
        Just(Outcome::Expired),
        Just(Outcome::BudgetExhausted),
        skipped_because().prop_map(|because| Outcome::Skipped { because }),
    ]
    .boxed()
}

fn ended() -> BoxedStrategy<Ended> {
    (outcome(), select(&FAULTS[..])).prop_map(|(outcome, fault)| Ended { outcome, fault }).boxed()
}

pub fn revoke_reason() -> BoxedStrategy<RevokeReason> {
    prop_oneof![
        Just(RevokeReason::Trip),
        canceled_by().prop_map(RevokeReason::Canceled),
        Just(RevokeReason::ParentEnded),
        text().prop_map(RevokeReason::Policy),
        Just(RevokeReason::Deadline),
        Just(RevokeReason::Budget),
    ]
    .boxed()
}

fn trip() -> BoxedStrategy<Trip> {
    (option::of(capability()), option::of(timestamp()), text())
        .prop_map(|(capability, until, reason)| Trip { capability, until, reason })
        .boxed()
}

pub const KINDS: [SettlementKind; 8] = [
    SettlementKind::Reported,
    SettlementKind::Failed,
    SettlementKind::TimedOut,
    SettlementKind::Expired,
    SettlementKind::Revoked,
    SettlementKind::Crashed,
    SettlementKind::Lost,
    SettlementKind::Returned,
];

/// Any settlement, those no supervisor would write included: the laws hold for them too.
pub fn settlement() -> BoxedStrategy<Settlement> {
    let what = (delegation_id(), select(&KINDS[..]), option::of(output()), option::of(verdict()));
    let why = (option::of(failure()), option::of(refusal()), option::of(revoke_reason()));
    let charge = (usage(), cost(), any::<bool>(), maybe_json(), maybe_json());
    let learned = (vec(lesson(), 0..2), vec(trip(), 0..2), option::of(timestamp()), timestamp());
    (what, why, charge, learned)
        .prop_map(|(what, why, charge, learned)| {
            let (delegation, kind, output, verdict) = what;
            let (failure, refusal, revoked) = why;
            let (usage, cost, uncertain, debrief, checkpoint) = charge;
            let (lessons, trips, started, ended) = learned;
            Settlement {
                delegation,
                kind,
                output,
                verdict,
                failure,
                refusal,
                revoked,
                usage,
                cost,
                uncertain,
                debrief,
                checkpoint,
                lessons,
                trips,
                started,
                ended,
            }
        })
        .boxed()
}

// What policies say.

pub fn policy_fact() -> BoxedStrategy<PolicyFact> {
    (text(), text(), json()).prop_map(|(policy, kind, body)| PolicyFact { policy, kind, body }).boxed()
}

pub fn ruling() -> BoxedStrategy<Ruling> {
    prop_oneof![
        Just(Ruling::Pass),
        limits().prop_map(Ruling::Narrow),
        (text(), text()).prop_map(|(policy, question)| Ruling::Hold(ApprovalRequest { policy, question })),
        refusal().prop_map(Ruling::Refuse),
    ]
    .boxed()
}

pub fn directive() -> BoxedStrategy<Directive> {
    prop_oneof![
        policy_fact().prop_map(Directive::Record),
        (timestamp(), any::<u32>()).prop_map(|(at, token)| Directive::Wake { at, token }),
        (delegation_id(), revoke_reason()).prop_map(|(id, why)| Directive::Revoke(id, why)),
        text().prop_map(|reason| Directive::Escalate { reason }),
    ]
    .boxed()
}

pub fn recovery() -> BoxedStrategy<Recovery> {
    prop_oneof![
        millis().prop_map(|after| Recovery::Restart { after }),
        timestamp().prop_map(|until| Recovery::Quarantine { until }),
        Just(Recovery::Retire),
    ]
    .boxed()
}

// What happened.

pub fn route() -> BoxedStrategy<Route> {
    select(&[Route::Floor, Route::Direct, Route::Plan][..]).boxed()
}

pub fn route_rule() -> BoxedStrategy<RouteRule> {
    use RouteRule as R;
    select(vec![
        R::BroughtTasks,
        R::TasksDropped,
        R::Floor,
        R::OneAgentCan,
        R::DirectAsked,
        R::PlanAsked,
        R::NobodyHoldsAll,
        R::PlannerSet,
        R::NoPlanner,
        R::PlanUnusable,
        R::Router("it is long".to_owned()),
    ])
    .boxed()
}

fn candidate() -> BoxedStrategy<Candidate> {
    (agent_name(), prop::array::uniform5(unit()))
        .prop_map(|(agent, [capability, trust, availability, cost, score])| Candidate {
            agent,
            terms: Terms { capability, trust, availability, cost, score },
        })
        .boxed()
}

pub fn chosen_by() -> BoxedStrategy<ChosenBy> {
    use ChosenBy as C;
    select(&[C::Score, C::NearTie, C::Exploration, C::Retry, C::Named][..]).boxed()
}

fn selected() -> BoxedStrategy<GoalEvent> {
    let chosen = chosen_by();
    let over = (agent_name(), text()).prop_map(|(agent, because)| PassedOver { agent, because });
    let whom = (task_id(), delegation_id(), agent_name(), any::<u32>());
    (whom, slice(), chosen, vec(candidate(), 0..2), vec(over, 0..2))
        .prop_map(|((task, delegation, agent, attempt), slice, chosen_by, candidates, passed_over)| {
            GoalEvent::AgentSelected { task, delegation, agent, attempt, slice, chosen_by, candidates, passed_over }
        })
        .boxed()
}

fn attempt_ended() -> BoxedStrategy<GoalEvent> {
    let whom = (task_id(), delegation_id(), agent_name(), any::<u32>());
    let charge = (usage(), cost(), any::<bool>(), maybe_json());
    (whom, ended(), option::of(output()), option::of(verdict()), charge, option::of(timestamp()), millis())
        .prop_map(|(whom, ended, output, verdict, (usage, cost, uncertain, checkpoint), started, duration)| {
            let (task, delegation, agent, attempt) = whom;
            GoalEvent::AttemptEnded {
                task,
                delegation,
                agent,
                attempt,
                ended,
                output,
                verdict,
                usage,
                cost,
                uncertain,
                checkpoint,
                started,
                duration,
            }
        })
        .boxed()
}

fn verification() -> BoxedStrategy<GoalEvent> {
    (option::of(task_id()), option::of(agent_name()), option::of(any::<u32>()), verdict(), any::<bool>())
        .prop_map(|(task, agent, attempt, verdict, passed)| match passed {
            true => GoalEvent::VerificationPassed { task, agent, attempt, verdict },
            false => GoalEvent::VerificationFailed { task, agent, attempt, verdict },
        })
        .boxed()
}

/// The beginning of a goal, up to its first delegations.
fn opening() -> BoxedStrategy<GoalEvent> {
    use GoalEvent as E;
    prop_oneof![
        (goal(), team_name(), mandate()).prop_map(|(goal, team, mandate)| E::GoalSubmitted {
            goal: Arc::new(goal),
            team,
            mandate
        }),
        (route(), vec(route_rule(), 0..3)).prop_map(|(route, rules)| E::RouteChosen { route, rules }),
        any::<u32>().prop_map(|round| E::PlanRequested { round }),
        (any::<u32>(), text(), usage(), cost()).prop_map(|(round, problem, usage, cost)| E::PlanRejected {
            round,
            problem,
            usage,
            cost
        }),
        (vec(task_spec().prop_map(Arc::new), 0..3), usage(), cost())
            .prop_map(|(tasks, usage, cost)| E::TaskDecomposed { tasks, usage, cost }),
        selected(),
        (task_id(), delegation_id(), agent_name(), refusal())
            .prop_map(|(task, delegation, agent, refusal)| E::DelegationRefused { task, delegation, agent, refusal }),
    ]
    .boxed()
}

/// What becomes of a task.
fn middle() -> BoxedStrategy<GoalEvent> {
    use GoalEvent as E;
    let whom = || (task_id(), delegation_id(), agent_name(), any::<u32>());
    let refused = (agent_name(), refusal()).prop_map(|(agent, refusal)| RefusedBy { agent, refusal });
    prop_oneof![
        whom().prop_map(|(task, delegation, agent, attempt)| E::TaskAssigned { task, delegation, agent, attempt }),
        (whom(), timestamp()).prop_map(|((task, delegation, agent, attempt), started)| E::TaskStarted {
            task,
            delegation,
            agent,
            attempt,
            started
        }),
        verification(),
        (task_id(), agent_name(), capability(), trust_score(), trust_score()).prop_map(
            |(task, agent, capability, before, after)| E::TrustUpdated { task, agent, capability, before, after }
        ),
        (task_id(), agent_name(), trip()).prop_map(|(task, agent, Trip { capability, until, reason })| {
            E::TrustCircuitBreak { task, agent, capability, until, reason }
        }),
        attempt_ended(),
        (task_id(), agent_name(), any::<u32>(), timestamp(), any::<bool>(), text()).prop_map(
            |(task, agent, attempt, at, counted, because)| E::AttemptRetried {
                task,
                agent,
                attempt,
                at,
                counted,
                because
            }
        ),
        (task_id(), agent_name(), text()).prop_map(|(task, from, because)| E::TaskReassigned { task, from, because }),
        (option::of(task_id()), text()).prop_map(|(task, reason)| E::Escalated { task, reason }),
        (task_id(), outcome(), output()).prop_map(|(task, outcome, output)| E::TaskCompleted { task, outcome, output }),
        (task_id(), outcome(), vec(refused, 0..2)).prop_map(|(task, outcome, refusals)| E::TaskFailed {
            task,
            outcome,
            refusals
        }),
        (task_id(), skipped_because()).prop_map(|(task, because)| E::TaskSkipped { task, because }),
    ]
    .boxed()
}

/// Parts that agents at work hand on.
fn children() -> BoxedStrategy<GoalEvent> {
    use GoalEvent as E;
    let lineage = vec(agent_name(), 0..3).prop_map(Arc::from);
    prop_oneof![
        (task_spec(), task_id(), delegation_id(), any::<u64>(), mandate(), lineage).prop_map(
            |(task, parent, from, fingerprint, mandate, lineage)| E::ChildAdded {
                task: Arc::new(task),
                parent,
                from,
                fingerprint,
                mandate,
                lineage
            }
        ),
        (task_spec(), option::of(delegation_id()), any::<[u32; 3]>(), mandate()).prop_map(
            |(task, of, [round, leaf, seat], mandate)| {
                let seat = JudgeSeat { of, round, leaf, seat };
                E::JudgeAsked { task: Arc::new(task), seat, mandate }
            }
        ),
        (task_id(), delegation_id(), mandate()).prop_map(|(task, from, mandate)| E::ChildReopened {
            task,
            from,
            mandate
        }),
    ]
    .boxed()
}

/// How a goal comes to its end.
fn closing() -> BoxedStrategy<GoalEvent> {
    use GoalEvent as E;
    let made = prop_oneof![output().prop_map(Ok), text().prop_map(Err)];
    prop_oneof![
        (slice(), slice()).prop_map(|(committed, budget)| E::BudgetWarned { committed, budget }),
        (slice(), slice()).prop_map(|(committed, budget)| E::BudgetStopped { committed, budget }),
        (canceled_by(), any::<bool>()).prop_map(|(by, graceful)| E::CancelRequested { by, graceful }),
        Just(E::DeadlinePassed),
        (any::<u32>(), made, usage(), cost()).prop_map(|(round, result, usage, cost)| E::Synthesised {
            round,
            result,
            usage,
            cost
        }),
        (outcome(), option::of(select(&CODES[..])), option::of(output()), usage(), cost())
            .prop_map(|(outcome, code, output, usage, cost)| E::GoalSettled { outcome, code, output, usage, cost }),
    ]
    .boxed()
}

pub fn goal_event() -> BoxedStrategy<GoalEvent> {
    let rest = prop_oneof![Just(GoalEvent::GoalParked), Just(GoalEvent::GoalResumed)];
    prop_oneof![7 => opening(), 12 => middle(), 2 => children(), 6 => closing(), 2 => rest].boxed()
}

pub fn cease_reason() -> BoxedStrategy<CeaseReason> {
    prop_oneof![Just(CeaseReason::Timeout), revoke_reason().prop_map(CeaseReason::Revoked)].boxed()
}

pub fn seat_end() -> BoxedStrategy<SeatEnd> {
    prop_oneof![Just(SeatEnd::Idle), Just(SeatEnd::Killed), Just(SeatEnd::Dismissed), text().prop_map(SeatEnd::Crashed)]
        .boxed()
}

/// What the desk of a supervisor lives by.
fn desk_fact() -> BoxedStrategy<AgentFact> {
    use AgentFact as F;
    let why = cease_reason();
    prop_oneof![
        delegation().prop_map(|delegation| F::Admitted { delegation: Arc::new(delegation) }),
        (delegation_id(), any::<u32>()).prop_map(|(delegation, seat)| F::Started { delegation, seat }),
        delegation_id().prop_map(|delegation| F::Parked { delegation }),
        delegation_id().prop_map(|delegation| F::Resumed { delegation }),
        (delegation_id(), why).prop_map(|(delegation, why)| F::Ceasing { delegation, why }),
        (delegation_id(), usage(), cost()).prop_map(|(delegation, usage, cost)| F::Charged { delegation, usage, cost }),
        (delegation_id(), report())
            .prop_map(|(delegation, report)| F::Reported { delegation, report: Arc::new(report) }),
        (delegation_id(), option::of(verdict()), any::<u32>()).prop_map(|(delegation, verdict, round)| F::Examined {
            delegation,
            verdict,
            round
        }),
        settlement().prop_map(|settlement| F::Settled { settlement: Arc::new(settlement) }),
        goal_id().prop_map(|goal| F::Forgotten { goal }),
    ]
    .boxed()
}

/// What an agent at work does beside its work.
fn use_fact() -> BoxedStrategy<AgentFact> {
    use AgentFact as F;
    let policy_ruling = (text(), ruling()).prop_map(|(policy, ruling)| PolicyRuling { policy, ruling }).boxed();
    prop_oneof![
        (delegation_id(), vec(policy_ruling.clone(), 0..3))
            .prop_map(|(delegation, rulings)| F::Narrowed { delegation, rulings }),
        (delegation_id(), task_id(), refusal(), vec(policy_ruling, 0..3))
            .prop_map(|(delegation, task, refusal, rulings)| F::TurnedAway { delegation, task, refusal, rulings }),
        (delegation_id(), text(), text(), any::<u32>()).prop_map(|(delegation, tool, needs, call)| F::ToolCalled {
            delegation,
            tool,
            needs,
            call
        }),
        (delegation_id(), any::<u32>(), any::<bool>()).prop_map(|(delegation, call, failed)| F::ToolReturned {
            delegation,
            call,
            failed
        }),
        (delegation_id(), text()).prop_map(|(delegation, note)| F::Progressed { delegation, note }),
        (delegation_id(), json()).prop_map(|(delegation, state)| F::Checkpointed { delegation, state }),
        (delegation_id(), task_id(), refusal()).prop_map(|(delegation, name, refusal)| F::PartRefused {
            delegation,
            name,
            refusal
        }),
        (delegation_id(), task_id()).prop_map(|(delegation, name)| F::Transferred { delegation, name }),
        any::<u32>().prop_map(|threads| F::ThreadsLeft { threads }),
    ]
    .boxed()
}

/// What seats and policies live by.
fn seat_fact() -> BoxedStrategy<AgentFact> {
    use AgentFact as F;
    let end = seat_end();
    prop_oneof![
        (vec(text(), 0..3), json(), vec(capability(), 0..3), any::<u32>(), any::<u32>()).prop_map(
            |(policies, settings, capabilities, seats, incarnation)| F::Stack {
                policies,
                settings,
                capabilities,
                seats,
                incarnation
            }
        ),
        (any::<u32>(), any::<bool>()).prop_map(|(seat, restart)| F::SeatStarted { seat, restart }),
        (any::<u32>(), option::of(delegation_id()), end).prop_map(|(seat, delegation, why)| F::SeatDown {
            seat,
            delegation,
            why
        }),
        timestamp().prop_map(|at| F::Recovering { at }),
        (delegation_id(), text(), text(), outside()).prop_map(|(delegation, tool, needs, outside)| F::Violation {
            delegation,
            tried: Tried { tool, needs, outside }
        }),
        (text(), any::<u32>()).prop_map(|(policy, token)| F::Due { policy, token }),
        (text(), timestamp(), any::<u32>()).prop_map(|(policy, at, token)| F::WakeSet { policy, at, token }),
        text().prop_map(|by| F::Released { by }),
        (text(), text()).prop_map(|(policy, panic)| F::PolicyOut { policy, panic }),
        text().prop_map(|what| F::Noted { what }),
        policy_fact().prop_map(F::Policy),
    ]
    .boxed()
}

pub fn agent_fact() -> BoxedStrategy<AgentFact> {
    let program = (delegation_id(), any::<u32>(), text())
        .prop_map(|(delegation, pid, born)| AgentFact::ProcessStarted { delegation, pid, born });
    prop_oneof![8 => desk_fact(), 8 => seat_fact(), 8 => use_fact(), 1 => program].boxed()
}

pub fn runtime_event() -> BoxedStrategy<RuntimeEvent> {
    use RuntimeEvent as E;
    prop_oneof![
        (team_name(), any::<u64>()).prop_map(|(team, epoch)| E::RuntimeStarted { team, epoch }),
        (agent_name(), any::<u32>(), vec(capability(), 0..3))
            .prop_map(|(agent, generation, capabilities)| E::AgentAdded { agent, generation, capabilities }),
        (text(), text(), text()).prop_map(|(file, folder, source)| E::TeamStated { file, folder, source }),
        (agent_name(), any::<u32>()).prop_map(|(agent, generation)| E::AgentRemoved { agent, generation }),
        (text(), any::<u32>(), text()).prop_map(|(actor, incarnation, why)| E::ActorRestarted {
            actor,
            incarnation,
            why
        }),
        text().prop_map(|why| E::RuntimeStopped { why }),
    ]
    .boxed()
}

pub fn event() -> BoxedStrategy<Event> {
    prop_oneof![
        goal_event().prop_map(Event::Goal),
        agent_fact().prop_map(Event::Agent),
        runtime_event().prop_map(Event::Runtime),
        (text(), any::<u32>(), json()).prop_map(|(kind, version, body)| Event::Skipped(Skipped {
            kind,
            version,
            body
        })),
    ]
    .boxed()
}

pub fn stream() -> BoxedStrategy<Stream> {
    prop_oneof![
        goal_id().prop_map(Stream::Goal),
        (team_name(), agent_name(), prop_oneof![Just(0), any::<u32>()])
            .prop_map(|(team, agent, generation)| Stream::Agent { team, agent, generation }),
        Just(Stream::Runtime),
    ]
    .boxed()
}

pub fn recorded() -> BoxedStrategy<Recorded> {
    let cause = (stream(), any::<u64>()).prop_map(|(stream, ver)| Cause { stream, ver });
    let place = (any::<u64>(), stream(), any::<u64>(), timestamp());
    (place, option::of(cause), option::of(traceparent()), event())
        .prop_map(|((seq, stream, ver, at), cause, trace, event)| Recorded {
            seq,
            stream,
            ver,
            at,
            cause,
            trace,
            event,
        })
        .boxed()
}
