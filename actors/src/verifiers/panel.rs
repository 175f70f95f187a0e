//! Several judges as one finding: each passes at a score, and enough of those who answered must pass.

use bailiwick_protocols::{JudgeSpec, Judged, Verdict, Vote};
use futures::future::join_all;

use super::{
    Work,
    bench::Seated,
    compose::{DETAILS_MAX, JUDGED_MAX},
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
        let seats = (0..usize::from(self.spec.judges)).map(|seat| self.seat(question.at_seat(seat), work));
        let (answers, said): (Vec<_>, Vec<_>) = join_all(seats).await.into_iter().unzip();
        let mut verdict = count(&self.spec, &answers);
        verdict.judges = said.into_iter().flatten().take(JUDGED_MAX).collect();
        if question.hidden_chars > 0 {
            verdict.details.push_str(&format!(" (the last {} characters were not shown)", question.hidden_chars));
        }
        verdict
    }

    /// The answer from one seat, of the judge whose turn it is or of the next that may judge this; and what each of those
    /// who were asked for it said.
    async fn seat(&self, question: JudgeQuestion, work: &Work) -> (JudgeAnswer, Vec<Judged>) {
        let (mut recused, mut said) = (None, Vec::new());
        for judge in self.judges.iter().cycle().skip(question.seat).take(self.judges.len()) {
            let asked = judge.clone().answer(question.clone(), work.bench());
            let answer = bounded(asked).await.unwrap_or_else(JudgeAnswer::Abstained);
            said.push(self.said(judge.name(), &question, &answer));
            match answer {
                JudgeAnswer::Recused(why) => recused = recused.or(Some(why)),
                answer => return (answer, said),
            }
        }
        (JudgeAnswer::Abstained(recused.unwrap_or_default()), said)
    }

    fn said(&self, judge: &str, question: &JudgeQuestion, answer: &JudgeAnswer) -> Judged {
        let finding = answer.finding();
        let vote = match (answer, &finding) {
            (_, Ok((score, _))) if *score >= self.spec.threshold => Vote::Passed,
            (_, Ok(_)) => Vote::Failed,
            (JudgeAnswer::Recused(_), Err(_)) => Vote::Recused,
            (_, Err(_)) => Vote::Abstained,
        };
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let reason_chars = match &finding {
            Ok((_, reason)) => reason.chars().count(),
            Err(why) => why.chars().count(),
        };
        Judged {
            judge: judge.to_owned(),
            seat: number(question.seat + 1),
            perspective: question.perspective.as_str().to_owned(),
            vote,
            score: finding.ok().map(|(score, _)| score),
            reason_chars: number(reason_chars),
        }
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
