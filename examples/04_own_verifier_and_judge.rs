//! A check and two judges of your own: one in code, one an agent of the team. They share a panel of three seats.
//!
//! ```text
//! verified: One line on sales
//!   goal #1 by writer: not verified: 1 of 2 checks failed: check 1 (function): `short`: 10 words, at most 8
//!   goal #2 by writer: not verified: 1 of 2 checks failed: check 2 (judge): 2 of 3 judges passed it: charitable 1.00, numbers: 1; strict 0.50, a share of what?; complete 1.00, numbers: 1
//!   goal #3 by writer: verified
//!   trust in writer: 0.50 -> 0.39
//! believed: Sales went up by 12 percent to 90
//! ```

use bailiwick::prelude::*;
use bailiwick_examples::show;
use serde_json::json;

/// Counts numbers: no number, no claim.
struct Numbers;

impl Judge for Numbers {
    async fn judge(&self, question: &JudgeQuestion) -> JudgeAnswer {
        let numbers = question.output.split_whitespace().filter(|word| word.parse::<f64>().is_ok()).count();
        JudgeAnswer::scored(numbers.min(1) as f64, format!("numbers: {numbers}"))
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

    // An agent that judges is asked the whole question as its task: the criterion, from where to look, the output.
    let reviewer = agent_fn("reviewer", ["review"], |task| async move {
        let whole = task.goal().contains("percent to ");
        let (score, reason) = if whole { (1.0, "a share and a sum") } else { (0.5, "a share of what?") };
        Ok(Output::json(json!({ "score": score, "reason": reason })))
    });

    let bailiwick = Bailiwick::builder()
        .agent(scripted("writer", ["write"], drafts.map(ScriptedReply::output)))
        .agent(reviewer)
        .verifier(short)
        .judge(Numbers)
        .judge_agent("reviewer")
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
