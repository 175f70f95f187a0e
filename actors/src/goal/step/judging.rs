//! Agents of the team as judges: asked by the pool about a report or the goal's output, and answered to the pool.
//!
//! A question is a task beside the tasks: the same road, the same ledger, a mandate that allows nothing. It is no
//! attempt of the goal, it is not retried, and whatever goes wrong with it is an abstention.

use std::time::Duration;

use bailiwick_protocols::{Effects, Permissions, Reversibility, contract::VERIFICATION_TIMEOUT};

use super::*;

/// How long a judge has from its seat: a moment less than its panel, so that silence has a name there.
const JUDGEMENT_MAX: Duration = VERIFICATION_TIMEOUT.saturating_sub(Duration::from_secs(1));

impl GoalMachine {
    /// The pool wants an agent on a seat of a panel. Asked again, it answers what is known, or when it is.
    pub(super) fn ask_judge(&mut self, seat: JudgeSeat, agent: AgentName, question: &str) {
        let Some(id) = self.judgement(&seat) else { return };
        let answer = match self.state.task(&id) {
            Some(known) if known.outcome().is_some() => Some(answered(known)),
            Some(_) => None,
            None => match self.unfit(&seat, &agent) {
                Some(why) => Some(why),
                None => {
                    self.call_off_rounds_before(&seat);
                    self.add_judgement(id, seat, agent, question);
                    None
                }
            },
        };
        if let Some(answer) = answer {
            self.tell_judged(seat, answer);
        }
    }

    /// A question to a judge ended: the pool is told, if it still waits.
    pub(super) fn judgement_ended(&mut self, id: &TaskId) {
        let Some(task) = self.state.task(id) else { return };
        let Some(seat) = task.judges.as_ref().map(|judges| judges.seat) else { return };
        let answer = answered(task);
        self.tell_judged(seat, answer);
    }

    /// The name of the question; `None` if what it is about has ended.
    fn judgement(&self, seat: &JudgeSeat) -> Option<TaskId> {
        let JudgeSeat { of, round, leaf, seat } = *seat;
        let (task, work) = match of {
            Some(examined) => {
                let (index, _) = self.state.asked(examined)?;
                (Some(&self.state.tasks[index].spec.id), examined.number)
            }
            // What a synthesiser made anew is examined anew.
            None => (None, self.state.synthesis.as_ref().map_or(0, |(round, _)| *round)),
        };
        Some(TaskId::of_judgement(task, [work, round, leaf, seat]))
    }

    /// What is said for this agent, if it is not asked.
    fn unfit(&self, seat: &JudgeSeat, agent: &AgentName) -> Option<JudgeAnswer> {
        if self.state.stopping.as_ref().is_some_and(|stop| !stop.lets_end()) {
            return Some(JudgeAnswer::Abstained("the goal is ending".to_owned()));
        }
        if self.has_part(seat.of, agent) {
            let why = format!("{agent} has a part in this work, and nobody judges their own");
            return Some(JudgeAnswer::Recused(why));
        }
        self.absent(Some(agent), &[]).map(|refusal| JudgeAnswer::Abstained(refusal.to_string()))
    }

    /// Whether an agent did the work that is examined, waits for it, or did a part of it.
    fn has_part(&self, of: Option<DelegationId>, agent: &AgentName) -> bool {
        let did = |task: &TaskState| task.agent.as_ref() == Some(agent);
        let Some((index, asking)) = of.and_then(|examined| self.state.asked(examined)) else {
            return self.state.work().any(did);
        };
        let task = &self.state.tasks[index];
        let below = format!("{}/", task.spec.id);
        asking.agent == *agent
            || task.child_of.as_ref().is_some_and(|child| child.lineage.contains(agent))
            || self.state.work().any(|part| part.spec.id.starts_with(&below) && did(part))
    }

    /// Examined once more: nobody waits any longer for those who were asked in the round before.
    fn call_off_rounds_before(&mut self, seat: &JudgeSeat) {
        let before = |index: &usize| {
            self.state.tasks[*index].judges.as_ref().is_some_and(|judges| judges.seat.round < seat.round)
        };
        self.call_off(self.state.judgements(seat.of).filter(before).collect());
    }

    fn add_judgement(&mut self, id: TaskId, seat: JudgeSeat, agent: AgentName, question: &str) {
        let mut limits = Limits::default();
        limits.exercise = Some(Permissions::none());
        limits.grant = Some(Permissions::none());
        limits.depth = Some(0);
        let mandate = self.state.mandate.hand_on(None, &limits);
        let settings = Settings {
            priority: self.state.goal.settings.priority,
            complexity: Some(1),
            criticality: Some(1),
            reversibility: Some(Reversibility::High),
            effects: Some(Effects::None),
            retries: Some(0),
            timeout: Some(JUDGEMENT_MAX),
            ..Settings::default()
        };
        let task = Task::new(id, question).agent(agent).resolve(&settings);
        self.happen(GoalEvent::JudgeAsked { task: Arc::new(task), seat, mandate });
        self.fresh.insert(self.state.tasks.len() - 1);
    }

    fn tell_judged(&mut self, seat: JudgeSeat, answer: JudgeAnswer) {
        let asker = match seat.of {
            None => Asker::Goal(self.state.id),
            // Once the examined attempt has ended nobody waits.
            Some(examined) => match self.state.asked(examined) {
                None => return,
                Some((_, asking)) => Asker::Report { agent: asking.agent.clone(), delegation: examined },
            },
        };
        self.turn.tell(GoalEffect::Judged { asker, seat, answer });
    }
}

/// What a question that ended comes to.
fn answered(task: &TaskState) -> JudgeAnswer {
    match (task.output(), task.outcome()) {
        (Some(output), _) => JudgeAnswer::from_output(output),
        (None, Some(outcome)) => JudgeAnswer::Abstained(outcome.to_string()),
        (None, None) => JudgeAnswer::Abstained("it has not answered".to_owned()),
    }
}
