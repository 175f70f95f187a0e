//! A check and a judge of your own. The check is a function; the judge gives a score, and a panel of three seats decides.
//!
//! ```text
//! verified: One line on sales
//!   goal #1 by writer: not verified: 1 of 2 checks failed: check 1 (function): `short`: 10 words, at most 8
//!   goal #2 by writer: not verified: 1 of 2 checks failed: check 2 (judge): 2 of 3 judges passed it: charitable 1.00, 1 of 1 numbers; strict 0.50, 1 of 2 numbers; complete 1.00, 1 of 1 numbers
//!   goal #3 by writer: verified
//!   trust in writer: 0.50 -> 0.39
//! believed: Sales went up by 12 percent to 90
//! ```

use bailiwick::{
    actors::verifiers::{Judge, JudgeAnswer, JudgeQuestion, Perspective},
    prelude::*,
    protocols::JudgeSpec,
};
use bailiwick_examples::show;

/// Counts numbers: no number, no claim. In its strict seat it wants two of them.
struct Numbers;

impl Judge for Numbers {
    async fn judge(&self, question: &JudgeQuestion) -> JudgeAnswer {
        let numbers = question.output.split_whitespace().filter(|word| word.parse::<f64>().is_ok()).count();
        let wanted = if question.perspective == Perspective::Strict { 2 } else { 1 };
        JudgeAnswer::scored((numbers as f64 / wanted as f64).min(1.0), format!("{numbers} of {wanted} numbers"))
    }
}

#[tokio::main]
async fn main() -> Result<(), bailiwick::Error> {
    // It may block, and it may fail: an error or a panic abstains, and an abstention is never a pass.
    let short = verify_fn("short", |work| match work.text().split_whitespace().count() {
        words @ ..=8 => Verdict::pass("short", 1.0, format!("{words} words")),
        words => Verdict::fail("short", 0.0, format!("{words} words, at most 8")),
    });
    let drafts = [
        "This year sales went up by 12 percent to 90",
        "Sales went up by 12 percent",
        "Sales went up by 12 percent to 90",
    ];

    let bailiwick = Bailiwick::builder()
        .agent(scripted("writer", ["write"], drafts.map(ScriptedReply::output)))
        .verifier(short)
        .judge(Numbers)
        .start()
        .await?;

    let judged = JudgeSpec::new("every claim has a number").judges(3).threshold(0.7).consensus(1.0);
    let goal = Goal::new("One line on sales")
        .needs_capability("write")
        .retries(2)
        .verify(Verify::all([Verify::function("short"), Verify::Judge(judged)]));
    let report = bailiwick.submit(goal).await?.await?;

    show(&report);
    println!("believed: {}", report.verified()?);
    bailiwick.shutdown().await
}
