//! Attributes that say the same wherever they stand: outcomes, findings, choices.

use bailiwick_protocols::{
    AgentName, Judged, Outcome, Timestamp, Verdict,
    event::{Candidate, ChosenBy, PassedOver},
};
use opentelemetry::KeyValue;

use super::words::{Words, short};
use crate::{
    names::{attribute as a, event as e},
    span::{Span, int, text, texts},
};

/// The word and the code of an outcome.
pub(super) fn outcome_of(outcome: &Outcome) -> impl Iterator<Item = KeyValue> + use<> {
    let word = text(a::OUTCOME, outcome.as_str());
    std::iter::once(word).chain(outcome.code().map(|code| text(a::CODE, code)))
}

/// What one examination found: what each judge said, then the verdict.
pub(super) fn evaluated(span: &mut Span, verdict: &Verdict, round: u32, at: Timestamp, words: Words) {
    for said in &verdict.judges {
        span.happened(e::EVALUATION, at, judged(said, round));
    }
    span.happened(e::EVALUATION, at, evaluation(verdict, round, words));
}

/// A verdict in the words of the conventions.
fn evaluation(verdict: &Verdict, round: u32, words: Words) -> Vec<KeyValue> {
    let label = match verdict {
        verdict if verdict.abstained => "abstained",
        verdict if verdict.passed => "passed",
        _ => "failed",
    };
    let mut said = vec![
        text(a::EVALUATION_NAME, &verdict.method),
        KeyValue::new(a::EVALUATION_SCORE, verdict.score),
        text(a::EVALUATION_LABEL, label),
        int(a::ROUND, round),
    ];
    if words.content {
        said.push(text(a::EVALUATION_EXPLANATION, short(&verdict.details)));
    }
    said
}

/// What one judge said, in the same words; why stands in the verdict.
fn judged(said: &Judged, round: u32) -> Vec<KeyValue> {
    let known = [
        text(a::EVALUATION_NAME, format!("judge.{}", said.perspective)),
        text(a::EVALUATION_LABEL, said.vote.as_str()),
        text(a::JUDGE, &said.judge),
        int(a::JUDGE_SEAT, said.seat),
        int(a::JUDGE_REASON_CHARS, said.reason_chars),
        int(a::ROUND, round),
    ];
    known.into_iter().chain(said.score.map(|score| KeyValue::new(a::EVALUATION_SCORE, score))).collect()
}

/// Whom the choice fell on, out of whom, and why.
pub(super) fn choice(
    agent: &AgentName,
    attempt: u32,
    by: ChosenBy,
    candidates: &[Candidate],
    passed_over: &[PassedOver],
) -> Vec<KeyValue> {
    let by = serde_json::to_value(by).ok().and_then(|by| by.as_str().map(str::to_owned)).unwrap_or_default();
    let mut said = vec![text(a::AGENT, agent), int(a::ATTEMPT, attempt), text(a::CHOSEN_BY, by)];
    if let Some(Candidate { terms, .. }) = candidates.iter().find(|candidate| candidate.agent == *agent) {
        said.extend([
            KeyValue::new(a::SCORE, terms.score),
            KeyValue::new(a::SCORE_CAPABILITY, terms.capability),
            KeyValue::new(a::SCORE_TRUST, terms.trust),
            KeyValue::new(a::SCORE_AVAILABILITY, terms.availability),
            KeyValue::new(a::SCORE_COST, terms.cost),
        ]);
    }
    let candidates = candidates.iter().map(|candidate| format!("{} {:.3}", candidate.agent, candidate.terms.score));
    let passed = passed_over.iter().take(16).map(|passed| format!("{}: {}", passed.agent, short(&passed.because)));
    said.extend([texts(a::CANDIDATES, candidates), texts(a::PASSED_OVER, passed)]);
    said
}
