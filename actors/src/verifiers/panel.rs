//! Several judges as one finding: each passes at a score, and enough of those who answered must pass.

use bailiwick_protocols::{JudgeSpec, Verdict};
use futures::future::join_all;

use super::{
    Work,
    bench::Seated,
    compose::DETAILS_MAX,
    function::bounded,
    judge::{JudgeAnswer, JudgeQuestion, Perspective},
    shorten,
};

/// A criterion and those who are asked about it.
#[derive(Clone)]
pub struct Panel {
    spec: JudgeSpec,
    judges: Vec<Seated>,
}

impl Panel {
    /// Seats these judges in turn until the spec's number is reached.
    pub(crate) fn new(spec: JudgeSpec, judges: Vec<Seated>) -> Self {
        Self { spec, judges }
    }

    /// Whether an agent of the team sits on it.
    pub(crate) fn asks_agents(&self) -> bool {
        let seated = self.judges.iter().take(usize::from(self.spec.judges));
        seated.into_iter().any(|judge| matches!(judge, Seated::Agent(_)))
    }

    /// Asks all seats at once, each for at most 30 s, and counts. Whoever panics or is late abstains.
    pub async fn examine(&self, work: &Work) -> Verdict {
        let question = match JudgeQuestion::new(self.spec.criterion.as_str(), work) {
            Ok(question) => question,
            Err(error) => return Verdict::abstain("judge", error.to_string()),
        };
        let answers = (0..usize::from(self.spec.judges)).map(|seat| self.answer(question.at_seat(seat), work));
        let mut verdict = count(&self.spec, &join_all(answers).await);
        if question.hidden_chars > 0 {
            verdict.details.push_str(&format!(" (the last {} characters were not shown)", question.hidden_chars));
        }
        verdict
    }

    /// The answer from one seat: of the judge whose turn it is, or of the next that may judge this.
    async fn answer(&self, question: JudgeQuestion, work: &Work) -> JudgeAnswer {
        let mut recused = None;
        for judge in self.judges.iter().cycle().skip(question.seat).take(self.judges.len()) {
            let asked = judge.clone().answer(question.clone(), work.bench());
            match bounded(asked).await.unwrap_or_else(JudgeAnswer::Abstained) {
                JudgeAnswer::Recused(why) => recused = recused.or(Some(why)),
                answer => return answer,
            }
        }
        JudgeAnswer::Abstained(recused.unwrap_or_default())
    }
}

/// Counts the answers of a panel: it abstains unless a majority answered; it passes if `passed / answered` reaches the
/// consensus and at least one passed. The score is that share.
pub fn count(spec: &JudgeSpec, answers: &[JudgeAnswer]) -> Verdict {
    let findings: Vec<_> = answers.iter().map(JudgeAnswer::finding).collect();
    let answered = findings.iter().flatten().count();
    let passed = findings.iter().flatten().filter(|(score, _)| *score >= spec.threshold).count();
    let said: Vec<String> = findings
        .iter()
        .enumerate()
        .map(|(seat, finding)| {
            let perspective = Perspective::of_seat(seat).as_str();
            match finding {
                Ok((score, "")) => format!("{perspective} {score:.2}"),
                Ok((score, reason)) => format!("{perspective} {score:.2}, {}", shorten(reason, 300)),
                Err(why) => format!("{perspective} abstained, {}", shorten(why, 300)),
            }
        })
        .collect();
    let said = shorten(&said.join("; "), DETAILS_MAX).into_owned();
    if answered * 2 <= answers.len() {
        return Verdict::abstain("judge", format!("only {answered} of {} judges answered: {said}", answers.len()));
    }
    let share = passed as f64 / answered as f64;
    let details = format!("{passed} of {answered} judges passed it: {said}");
    if passed > 0 && share >= spec.consensus {
        Verdict::pass("judge", share, details)
    } else {
        Verdict::fail("judge", share, details)
    }
}
