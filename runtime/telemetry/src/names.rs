//! The table of names: every span, attribute, event, link and metric that leaves the process is named here.
//!
//! The `gen_ai.` names are those of the OpenTelemetry conventions for generative AI, as of 2026; they stand only on spans
//! of goals and agents and on the evaluation event. Everything else is our own, under `bailiwick.`.
//! `docs/observe.md` prints this table; a test compares the two.

/// Spans. A span of the conventions is followed by the name of what it is about: `invoke_agent ada`.
pub mod span {
    /// A goal from its submission to its end; the root of the trace. Followed by the team.
    pub const GOAL: &str = "invoke_workflow";
    /// One round of planning, or the choice of the road where nobody is asked.
    pub const PLAN: &str = "plan";
    /// A task, from the moment its inputs are complete.
    pub const TASK: &str = "bailiwick.task";
    /// One asking of one agent, from the choice to the settlement, as its supervisor sees it.
    pub const DELEGATION: &str = "bailiwick.delegation";
    /// The rulings at the supervisor's door.
    pub const ADMISSION: &str = "bailiwick.admission";
    /// Nobody works on it: it waits for a seat, for room, for a back-off or for its children.
    pub const WAIT: &str = "bailiwick.wait";
    /// One attempt, from its seat's start to the end of the work. Followed by the agent.
    pub const ATTEMPT: &str = "invoke_agent";
    /// A tool call that was let through, until it came back or was stopped. Followed by the tool.
    pub const TOOL: &str = "execute_tool";
    /// A report or a result is examined.
    pub const VERIFICATION: &str = "bailiwick.verification";
    /// A breaker that is not closed; a trace of its own, linked to the delegation that opened it.
    pub const BREAKER: &str = "bailiwick.breaker";
}

/// Events on spans.
pub mod event {
    /// What one examination found, and before it what each judge of it said; on the verification.
    pub const EVALUATION: &str = "gen_ai.evaluation.result";
    /// An agent was chosen, with its score and the other candidates; on the task.
    pub const AGENT_SELECTED: &str = "bailiwick.agent_selected";
    /// A supervisor turned it away; on the admission, or on the delegation that had been let in and was ruled on again.
    pub const REFUSED: &str = "bailiwick.delegation_refused";
    /// The same agent is asked again; on the task.
    pub const RETRIED: &str = "bailiwick.attempt_retried";
    /// Another agent is asked; on the task.
    pub const REASSIGNED: &str = "bailiwick.task_reassigned";
    /// Nobody is left to ask; on the task, or the goal.
    pub const ESCALATED: &str = "bailiwick.escalated";
    /// A verdict moved trust; on the delegation.
    pub const TRUST_UPDATED: &str = "bailiwick.trust_updated";
    /// A breaker opened; on the delegation whose settlement opened it.
    pub const BREAKER_OPENED: &str = "bailiwick.breaker_opened";
    /// A breaker opened until somebody releases it.
    pub const BREAKER_ISOLATED: &str = "bailiwick.breaker_isolated";
    /// A breaker lets one probe through at a time.
    pub const BREAKER_HALF_OPENED: &str = "bailiwick.breaker_half_opened";
    /// A breaker closed; on the delegation whose settlement closed it.
    pub const BREAKER_CLOSED: &str = "bailiwick.breaker_closed";
    /// Work was told to stop; on the attempt.
    pub const CEASING: &str = "bailiwick.ceasing";
    /// The agent tried something outside its mandate; on the attempt.
    pub const VIOLATION: &str = "bailiwick.violation";
    /// A part that the agent wanted to hand on was refused; on the attempt.
    pub const PART_REFUSED: &str = "bailiwick.part_refused";
    /// The agent gave its task away; on the attempt.
    pub const TRANSFERRED: &str = "bailiwick.transferred";
    /// The agent says how far it is; on the attempt.
    pub const PROGRESSED: &str = "bailiwick.progressed";
    /// The agent kept something for its next attempt; on the attempt.
    pub const CHECKPOINTED: &str = "bailiwick.checkpointed";
    /// The seat went down under the attempt.
    pub const SEAT_DOWN: &str = "bailiwick.seat_down";
    /// A planner's answer could not be accepted; on the plan.
    pub const PLAN_REJECTED: &str = "bailiwick.plan_rejected";
    /// Most of the budget is spent; on the goal.
    pub const BUDGET_WARNED: &str = "bailiwick.budget_warned";
    /// The budget is spent; on the goal.
    pub const BUDGET_STOPPED: &str = "bailiwick.budget_stopped";
    /// Somebody wants the goal to end; on the goal.
    pub const CANCEL_REQUESTED: &str = "bailiwick.cancel_requested";
    /// The goal's deadline passed; on the goal.
    pub const DEADLINE_PASSED: &str = "bailiwick.deadline_passed";
    /// A synthesiser joined the outputs; on the goal.
    pub const SYNTHESISED: &str = "bailiwick.synthesised";
    /// The goal waits for somebody to resume it; on the goal.
    pub const PARKED: &str = "bailiwick.goal_parked";
    /// The goal goes on, mostly in another life of the process; on the goal.
    pub const RESUMED: &str = "bailiwick.resumed";
}

/// Attributes of spans, events and links.
pub mod attribute {
    /// `invoke_workflow`, `plan`, `invoke_agent` or `execute_tool`.
    pub const OPERATION: &str = "gen_ai.operation.name";
    /// The team.
    pub const WORKFLOW: &str = "gen_ai.workflow.name";
    /// The agent of an attempt.
    pub const GEN_AI_AGENT: &str = "gen_ai.agent.name";
    /// The tool that is called.
    pub const TOOL: &str = "gen_ai.tool.name";
    /// The check that decided; of one judge: `judge` with its perspective, `judge.strict`.
    pub const EVALUATION_NAME: &str = "gen_ai.evaluation.name";
    /// Its score, 0.0..=1.0.
    pub const EVALUATION_SCORE: &str = "gen_ai.evaluation.score.value";
    /// `passed`, `failed` or `abstained`; of one judge also `recused`.
    pub const EVALUATION_LABEL: &str = "gen_ai.evaluation.score.label";
    /// What was found, in words; only if content is asked for.
    pub const EVALUATION_EXPLANATION: &str = "gen_ai.evaluation.explanation";
    /// Who judged: an agent, or a judge by its name.
    pub const JUDGE: &str = "bailiwick.judge";
    /// The seat of the panel it was asked for, from 1.
    pub const JUDGE_SEAT: &str = "bailiwick.judge.seat";
    /// How many characters its reason has.
    pub const JUDGE_REASON_CHARS: &str = "bailiwick.judge.reason_chars";
    /// The code of what is marked as an error.
    pub const ERROR_TYPE: &str = "error.type";
    /// The goal's id.
    pub const GOAL: &str = "bailiwick.goal.id";
    /// The goal's or the task's text; only if content is asked for.
    pub const TEXT: &str = "bailiwick.goal.text";
    /// The road taken: floor, direct, plan.
    pub const ROUTE: &str = "bailiwick.route";
    /// The rules that chose it, in order.
    pub const ROUTE_RULES: &str = "bailiwick.route.rules";
    /// How many tasks the goal has.
    pub const TASKS: &str = "bailiwick.tasks";
    /// How many attempts were made.
    pub const ATTEMPTS: &str = "bailiwick.attempts";
    /// How often a task changed hands.
    pub const REASSIGNMENTS: &str = "bailiwick.reassignments";
    /// The task's id.
    pub const TASK: &str = "bailiwick.task.id";
    /// What a task needs.
    pub const NEEDS: &str = "bailiwick.task.needs";
    /// 1..=5.
    pub const CRITICALITY: &str = "bailiwick.task.criticality";
    /// high, medium, low.
    pub const REVERSIBILITY: &str = "bailiwick.task.reversibility";
    /// The agent that is asked.
    pub const AGENT: &str = "bailiwick.agent";
    /// The number of the delegation in its goal.
    pub const DELEGATION: &str = "bailiwick.delegation.number";
    /// The number of the attempt in its task.
    pub const ATTEMPT: &str = "bailiwick.attempt";
    /// verified, unverified, not_verified, failed, refused, canceled, expired, budget_exhausted, skipped.
    pub const OUTCOME: &str = "bailiwick.outcome";
    /// The code of an outcome that is no success.
    pub const CODE: &str = "bailiwick.code";
    /// Whose fault it was.
    pub const FAULT: &str = "bailiwick.fault";
    /// How the admission was settled: reported, failed, timed_out ...
    pub const SETTLEMENT: &str = "bailiwick.settlement";
    /// admitted or refused.
    pub const RULING: &str = "bailiwick.ruling";
    /// The policy that refused or that speaks.
    pub const POLICY: &str = "bailiwick.policy";
    /// The policies that were asked at the door, in order.
    pub const POLICIES: &str = "bailiwick.policies";
    /// What each policy ruled at the door that did not simply pass: narrowed to what, refused why.
    pub const RULINGS: &str = "bailiwick.rulings";
    /// Why, for people.
    pub const REASON: &str = "bailiwick.reason";
    /// The permission a tool call needed.
    pub const PERMISSION: &str = "bailiwick.permission";
    /// How much further it may be delegated.
    pub const DEPTH: &str = "bailiwick.mandate.depth";
    /// The seat, from 1.
    pub const SEAT: &str = "bailiwick.seat";
    /// The score by which the agent was chosen.
    pub const SCORE: &str = "bailiwick.score";
    /// The term of capability in it.
    pub const SCORE_CAPABILITY: &str = "bailiwick.score.capability";
    /// The term of trust in it.
    pub const SCORE_TRUST: &str = "bailiwick.score.trust";
    /// The term of availability in it.
    pub const SCORE_AVAILABILITY: &str = "bailiwick.score.availability";
    /// The term of cost in it.
    pub const SCORE_COST: &str = "bailiwick.score.cost";
    /// How the choice fell: score, near_tie, exploration, retry.
    pub const CHOSEN_BY: &str = "bailiwick.chosen_by";
    /// The candidates with their scores.
    pub const CANDIDATES: &str = "bailiwick.candidates";
    /// Who was no candidate, and why.
    pub const PASSED_OVER: &str = "bailiwick.passed_over";
    /// What is waited for: seat, room, back_off, children, a_person.
    pub const WAIT_FOR: &str = "bailiwick.wait.for";
    /// The part of a wait that was split, from 1.
    pub const WAIT_PART: &str = "bailiwick.wait.part";
    /// The capability whose trust or breaker moved; absent for the whole agent.
    pub const CAPABILITY: &str = "bailiwick.capability";
    /// The score before.
    pub const TRUST_BEFORE: &str = "bailiwick.trust.before";
    /// The score after.
    pub const TRUST_AFTER: &str = "bailiwick.trust.after";
    /// When a breaker becomes half-open, in milliseconds since 1970.
    pub const UNTIL: &str = "bailiwick.until_ms";
    /// Micro-USD; absent where it is not known.
    pub const COST: &str = "bailiwick.cost_micro_usd";
    /// Tokens sent to models.
    pub const INPUT_TOKENS: &str = "bailiwick.usage.input_tokens";
    /// Tokens received from models.
    pub const OUTPUT_TOKENS: &str = "bailiwick.usage.output_tokens";
    /// Model calls.
    pub const CALLS: &str = "bailiwick.usage.calls";
    /// The round of planning, examination or synthesis, from 1.
    pub const ROUND: &str = "bailiwick.round";
    /// Why a span is linked: after, part_of, retries, reassigned, examines, continues, opened_by, resumes, caller.
    pub const LINK: &str = "bailiwick.link";
}

/// Metrics. None of them carries the id of a goal.
pub mod metric {
    /// Settled delegations, by agent and outcome.
    pub const DELEGATIONS: &str = "bailiwick.delegations";
    /// Delegations turned away, by agent and code.
    pub const REFUSALS: &str = "bailiwick.refusals";
    /// How long attempts took, by agent and outcome.
    pub const ATTEMPT_DURATION: &str = "bailiwick.attempt.duration";
    /// How long delegations waited for a seat, by agent.
    pub const QUEUE_WAIT: &str = "bailiwick.queue.wait";
    /// Ended goals, by outcome.
    pub const GOALS: &str = "bailiwick.goals";
    /// How long goals took, by outcome.
    pub const GOAL_DURATION: &str = "bailiwick.goal.duration";
    /// Submissions turned away before they were goals, by reason: overloaded, invalid.
    pub const TURNED_AWAY: &str = "bailiwick.submissions.turned_away";
    /// Tokens, by agent and direction.
    pub const TOKENS: &str = "bailiwick.tokens";
    /// Known cost, by agent.
    pub const COST: &str = "bailiwick.cost";
    /// 0 closed, 1 half-open, 2 open, 3 isolated; by agent and capability.
    pub const BREAKER_STATE: &str = "bailiwick.breaker.state";
    /// The score, by agent and capability.
    pub const TRUST: &str = "bailiwick.trust";
    /// Attempts that run, by agent.
    pub const IN_FLIGHT: &str = "bailiwick.in_flight";
    /// Delegations that wait for a seat, by agent.
    pub const QUEUE_DEPTH: &str = "bailiwick.queue.depth";
    /// Seats and core actors that were started again.
    pub const RESTARTS: &str = "bailiwick.restarts";
    /// How long the journal took to keep a batch; nothing where it is kept in memory.
    pub const JOURNAL_LATENCY: &str = "bailiwick.journal.latency";
    /// Spans that were not exported: the queue was full or the collector away.
    pub const SPANS_DROPPED: &str = "bailiwick.telemetry.spans_dropped";
    /// Events the exporter came too late for.
    pub const EVENTS_MISSED: &str = "bailiwick.telemetry.events_missed";
}
