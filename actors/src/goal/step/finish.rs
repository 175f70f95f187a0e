//! The end of a goal: assembles the outputs, checks its own contract, settles.

use super::*;
use crate::goal::state::not_joined;

impl GoalMachine {
    /// Every task has ended: assembles, checks the goal's own contract, settles.
    pub(super) fn finish(&mut self) {
        if self.examining.is_some() || self.synthesising.is_some() {
            if self.state.stopping.is_some() {
                self.settle_by_tasks(None);
            }
            return;
        }
        let finals: Vec<(TaskId, Output)> = plan::finals(self.state.plan())
            .iter()
            .filter_map(|task| Some((task.id.clone(), self.state.task(&task.id)?.output()?.clone())))
            .collect();
        let complete = finals.len() == plan::finals(self.state.plan()).len();
        let stopped = matches!(self.state.stopping, Some(Stop::Canceled { .. } | Stop::Deadline));
        if !complete || stopped || self.state.decisive().is_some() {
            return self.settle_by_tasks(if complete { plan::assemble(&finals) } else { None });
        }
        let mut output = plan::assemble(&finals);
        if let Some(request) = self.synthesis_due(&finals) {
            self.synthesising = Some(request.round);
            return self.turn.tell(GoalEffect::Synthesise { request: Box::new(request) });
        }
        if let Some((_, result)) = &self.state.synthesis {
            match result {
                Ok(joined) => output = Some(joined.clone()),
                Err(said) => return self.settle(not_joined(said), Some(Code::AgentError), output),
            }
        }
        let output = match output {
            Some(output) if self.has_own_contract() => output,
            output => return self.settle_by_tasks(output),
        };
        match &self.state.verdict {
            None => self.examine_output(output, 1),
            Some((verdict, 1)) if verdict.abstained => self.examine_output(output, 2),
            // A shape that fits is no check that passed: then its tasks decide.
            Some((verdict, _)) if verdict.passed && !self.state.goal.contract.asks_for_check() => {
                self.settle_by_tasks(Some(output));
            }
            Some((verdict, _)) if verdict.passed && !verdict.abstained => {
                let shaped = self.goal_contract.as_ref().and_then(|contract| contract.shape(&output).ok());
                self.settle(Outcome::Verified, None, shaped.or(Some(output)));
            }
            Some((verdict, _)) => {
                let verdict = verdict.clone();
                self.settle(Outcome::NotVerified { verdict }, Some(Code::VerificationFailed), Some(output));
            }
        }
    }

    /// The goal's contract is checked here only on the plan road: otherwise it is its one task's, checked once.
    pub(super) fn has_own_contract(&self) -> bool {
        let contract = &self.state.goal.contract;
        self.state.route == Some(Route::Plan) && (contract.asks_for_check() || contract.output != Default::default())
    }

    pub(super) fn synthesis_due(&self, finals: &[(TaskId, Output)]) -> Option<SynthesisRequest> {
        self.team.synthesiser.as_ref()?;
        let failed = self.state.verdict.as_ref().filter(|(verdict, _)| !verdict.passed && !verdict.abstained);
        let round = match &self.state.synthesis {
            None if finals.len() > 1 => 1,
            Some((1, Ok(_))) if failed.is_some() => 2,
            _ => return None,
        };
        Some(SynthesisRequest {
            goal: self.state.goal.clone(),
            outputs: finals.to_vec(),
            round,
            verdict: failed.map(|(verdict, _)| verdict.clone()),
        })
    }

    pub(super) fn examine(&mut self, round: u32) {
        let finals: Vec<(TaskId, Output)> = plan::finals(self.state.plan())
            .iter()
            .filter_map(|task| Some((task.id.clone(), self.state.task(&task.id)?.output()?.clone())))
            .collect();
        let joined = self.state.synthesis.as_ref().and_then(|(_, result)| result.clone().ok());
        if let Some(output) = joined.or_else(|| plan::assemble(&finals)) {
            self.examine_output(output, round);
        }
    }

    pub(super) fn examine_output(&mut self, output: Output, round: u32) {
        let contract = match &self.goal_contract {
            Some(contract) => Ok(contract.clone()),
            None => {
                let goal = self.state.goal.clone();
                let reversibility = goal.settings.reversibility.unwrap_or_default();
                self.team
                    .verifiers
                    .compile(&goal.contract, reversibility)
                    .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
            }
        };
        let contract = match contract {
            Ok(contract) => contract,
            Err(message) => return self.examined(Verdict::abstain("contract", message)),
        };
        self.goal_contract = Some(contract.clone());
        let shaped = match contract.shape(&output) {
            Ok(shaped) => shaped,
            Err(failure) => return self.examined(Verdict::fail("output", 0.0, failure.message)),
        };
        if !contract.asks_for_check() {
            // It has its shape, and nobody looked at what it says: its tasks decide.
            self.settle_by_tasks(Some(shaped));
        } else if contract.is_pure() && contract.fits_inline(&shaped) {
            let verdict = contract.examine_pure(&shaped);
            self.examined(verdict.unwrap_or_else(|| Verdict::abstain("contract", "nothing was checked")));
        } else {
            let token = Arc::new(());
            let wanted = Arc::downgrade(&token);
            self.examining = Some((round, token));
            self.turn.tell(GoalEffect::Examine { contract, output: Arc::new(shaped), round, wanted });
        }
    }

    pub(super) fn examined(&mut self, verdict: Verdict) {
        self.happen(if verdict.passed {
            GoalEvent::VerificationPassed { task: None, agent: None, attempt: None, verdict }
        } else {
            GoalEvent::VerificationFailed { task: None, agent: None, attempt: None, verdict }
        });
        // Judges that nobody waits for any more are called off; what they cost is in before the goal ends.
        self.call_off(self.state.judgements(None).collect());
        if self.state.all_ended() {
            self.finish();
        }
    }

    pub(super) fn settle_by_tasks(&mut self, output: Option<Output>) {
        let outcome = self.state.outcome_of_tasks();
        let code = outcome.code();
        self.settle(outcome, code, output);
    }

    pub(super) fn settle(&mut self, outcome: Outcome, code: Option<Code>, output: Option<Output>) {
        let (usage, cost) = (self.state.ledger.usage(), self.state.ledger.cost());
        let code = code.or_else(|| outcome.code());
        self.happen(GoalEvent::GoalSettled { outcome, code, output, usage, cost });
        self.examining = None;
        let mut agents = std::mem::take(&mut self.ticketed);
        agents.extend(self.state.agents.iter().cloned());
        self.turn.tell(GoalEffect::Forget { agents });
    }
}
