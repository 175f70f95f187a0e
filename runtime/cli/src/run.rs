//! `bailiwick run`: one goal from its team file to its exit status.
//!
//! Everything that can be wrong with what the user wrote is found before anything starts. Then one loop hears the
//! goal's events and the user's signals; what it knows is the report.

use std::{io::IsTerminal, path::PathBuf, sync::Arc, time::Duration};

use bailiwick::{
    Bailiwick, Builder, Error, GoalReport, ResumeError, RunHandle, SubmitError,
    protocols::{GoalId, Recorded},
};
use futures::StreamExt;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use crate::{
    args::RunArgs,
    events_file::EventsFile,
    exit::{Exit, Stop, advice},
    otlp::Otlp,
    paint,
    progress::{Progress, REDRAW},
    recorded::place,
    signals::{Signal, Signals},
    stdout, team,
};

/// How long a second signal leaves to the runtime: what runs has its grace, and all is over 3 s after it.
const CLOSING: Duration = Duration::from_millis(2_500);
/// When the exporter must have ended, counted from that signal.
const EXPORTING: Duration = Duration::from_millis(2_900);
/// How long the runtime may take to shut down after a goal that ended by itself.
const SHUTDOWN: Duration = Duration::from_millis(2_500);

/// A goal that was run: what is left is to tell it.
pub(crate) struct Done {
    report: GoalReport,
    exit: Exit,
    json: bool,
    /// What went wrong beside the goal.
    beside: Option<Stop>,
}

/// Runs a goal, or finds out why it cannot be run.
///
/// # Errors
/// Before anything is started: exit 2. If the runtime itself ended: exit 70.
pub(crate) async fn run(args: RunArgs, otlp: &mut Otlp) -> Result<Done, Stop> {
    let loaded = team::load(&args.team, &args.inputs());
    let (team, mut builder) = loaded.map_err(|problems| team::unsound(&args.team, &problems))?;
    otlp.start(args.otlp)?;
    let goal = otlp.trace(args.shape(team.goal));
    let events = args.events.as_deref().map(|path| EventsFile::create(path, &args.team)).transpose()?;
    let mut signals = listen()?;
    if let Some(seed) = args.seed {
        builder = builder.seed(seed);
    }

    let path = place::of_team(&args.journal, &team.name)?;
    let builder = builder.journal(place::own(&path)?).hold_open_goals();
    let bailiwick = start(builder).await?;
    let run = match bailiwick.submit(goal).await {
        Ok(run) => run,
        Err(why) => {
            let _ = timeout(SHUTDOWN, bailiwick.shutdown()).await;
            let next = "mend the goal in the team file; nothing was started";
            return Err(match why {
                SubmitError::Journal(why) => place::stop(&why),
                SubmitError::Ended(why) => Stop::bug(why),
                why => Stop::usage(format!("the goal was not accepted: {why}"), next),
            });
        }
    };
    let watch = Watch::new(events, Kept { path }).until_the_end(&run, &mut signals).await;
    watch.finish(bailiwick, run, &mut signals, args.json, otlp).await
}

/// Takes a goal up where its journal ends.
///
/// # Errors
/// As for [`run`].
pub(crate) async fn resume(
    builder: Builder,
    goal: GoalId,
    kept: Kept,
    json: bool,
    otlp: &mut Otlp,
) -> Result<Done, Stop> {
    let mut signals = listen()?;
    let bailiwick = start(builder).await?;
    let run = match bailiwick.resume(goal).await {
        Ok(run) => run,
        Err(why) => {
            let _ = timeout(SHUTDOWN, bailiwick.halt()).await;
            return Err(match why {
                ResumeError::Journal(why) => place::stop(&why),
                why => Stop::failed(format!("the goal cannot be resumed: {why}"), "nothing was started"),
            });
        }
    };
    let watch = Watch::new(None, kept).until_the_end(&run, &mut signals).await;
    watch.finish(bailiwick, run, &mut signals, json, otlp).await
}

async fn start(builder: Builder) -> Result<Bailiwick, Stop> {
    builder.start().await.map_err(|why| match why {
        Error::Journal(why) => place::stop(&why),
        why => Stop::bug(why),
    })
}

fn listen() -> Result<Signals, Stop> {
    Signals::listen().map_err(|why| Stop::failed(format!("signals cannot be heard: {why}"), "run it where they can be"))
}

/// Where the goal is kept, so that it can be resumed.
pub(crate) struct Kept {
    /// The journal.
    pub(crate) path: PathBuf,
}

/// What is known while the goal runs.
struct Watch {
    report: GoalReport,
    events: Option<EventsFile>,
    progress: Option<Progress>,
    kept: Kept,
    /// The last signal.
    ended_by: Option<Signal>,
    /// When everything has to be over, after a second signal.
    deadline: Option<Instant>,
}

impl Watch {
    fn new(events: Option<EventsFile>, kept: Kept) -> Self {
        let progress = Progress::on_terminal();
        Self { report: GoalReport::default(), events, progress, kept, ended_by: None, deadline: None }
    }

    /// Hears events and signals until the goal's stream ends, or no more time is left.
    async fn until_the_end(mut self, run: &RunHandle, signals: &mut Signals) -> Self {
        let mut events = Box::pin(run.events());
        let mut redraw = tokio::time::interval(REDRAW);
        loop {
            let deadline = self.deadline;
            let too_late = async {
                match deadline {
                    Some(deadline) => sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                event = events.next() => match event {
                    Some(event) => self.learn(&event),
                    None => break,
                },
                signal = signals.next() => self.obey(signal, run),
                _ = redraw.tick() => {
                    if let Some(progress) = &mut self.progress {
                        progress.draw(&self.report);
                    }
                }
                () = too_late => break,
            }
        }
        if let Some(progress) = self.progress.take() {
            progress.clear();
        }
        self
    }

    fn learn(&mut self, event: &Arc<Recorded>) {
        self.report.apply(event);
        if let Some(events) = &self.events {
            events.put(event);
        }
    }

    /// The first Ctrl-C lets what runs come to its end; every other signal ends it. Both leave the goal to be resumed.
    fn obey(&mut self, signal: Signal, run: &RunHandle) {
        let first = self.ended_by.replace(signal).is_none();
        let running = self.report.tasks.iter().flat_map(|task| &task.attempts).filter(|a| a.outcome.is_none()).count();
        let resume = place::resume_command(run.goal_id(), &self.kept.path);
        if first && signal == Signal::Interrupt {
            run.park();
            let left = match running {
                0 => "nothing runs any more".to_owned(),
                1 => "1 attempt runs to its end".to_owned(),
                more => format!("{more} attempts run to their end"),
            };
            self.say(&format!(
                "interrupted: nothing new starts, {left}; Ctrl-C again ends everything within 3 s\n\
                 resume it with: {resume}"
            ));
        } else if self.deadline.is_none() {
            self.deadline = Some(Instant::now());
            self.say(&format!("everything is being ended\nresume it with: {resume}"));
        }
    }

    fn say(&mut self, text: &str) {
        match &mut self.progress {
            Some(progress) => progress.say(text),
            None => paint::say(text),
        }
    }

    /// Ends the runtime and makes the final report of what the goal became.
    async fn finish(
        mut self,
        bailiwick: Bailiwick,
        run: RunHandle,
        signals: &mut Signals,
        json: bool,
        otlp: &mut Otlp,
    ) -> Result<Done, Stop> {
        otlp.hurry(self.deadline.map(|deadline| deadline + EXPORTING));
        let (report, shutdown, by);
        if self.deadline.is_some() {
            // What runs is ended with the runtime; the goal is left to be resumed.
            by = Instant::now() + CLOSING;
            shutdown = timeout_at(by, bailiwick.halt()).await;
            report = timeout_at(Instant::now(), run).await;
        } else {
            by = Instant::now() + SHUTDOWN;
            // The handle adds what the stream does not hold: how the breakers stand.
            report = timeout_at(by, run).await;
            shutdown = timeout_at(by, bailiwick.shutdown()).await;
        }
        let mut beside = match shutdown {
            Ok(Err(why)) if self.ended_by.is_none() => {
                Some(Stop::failed(format!("the runtime did not end well: {why}"), "look for programs it left behind"))
            }
            _ => None,
        };
        if let Some(events) = self.events.take() {
            // A pipe that nobody reads: only a signal ends the wait.
            let written = tokio::select! {
                written = events.finish() => written,
                () = sleep_until(by), if self.ended_by.is_some() => Err(incomplete()),
                signal = signals.next() => {
                    self.ended_by = Some(signal);
                    Err(incomplete())
                }
            };
            beside = written.err().or(beside);
        }
        let (report, exit) = match (report, self.ended_by) {
            // Whatever the goal gave, it was interrupted.
            (Ok(Ok(report)), Some(signal)) => (interrupted(report), signal.exit()),
            (_, Some(signal)) => (interrupted(self.report), signal.exit()),
            (Ok(Ok(report)), None) if report.parked => (report, Exit::Parked),
            (Ok(Ok(report)), None) => {
                let exit = Exit::of(report.outcome());
                (report, exit)
            }
            (Ok(Err(Error::Journal(why))), None) => return Err(place::stop(&why)),
            (Ok(Err(why)), None) => return Err(Stop::bug(why)),
            (Err(_), None) => return Err(Stop::bug("the goal ended and its report did not come")),
        };
        if exit == Exit::Bug {
            return Err(Stop::bug("the goal ended without an outcome"));
        }
        Ok(Done { report, exit, json, beside })
    }
}

fn interrupted(report: GoalReport) -> GoalReport {
    report.into_parked()
}

fn incomplete() -> Stop {
    Stop::failed("the events are not all written", "name a file, or a pipe that is read")
}

impl Done {
    /// What is known of a goal that was not run now.
    pub(crate) fn of(report: GoalReport, exit: Exit, json: bool) -> Self {
        Self { report, exit, json, beside: None }
    }

    /// Tells it: data on stdout, all else on stderr.
    ///
    /// # Errors
    /// If stdout cannot be written.
    pub(crate) fn tell(self) -> Result<Exit, Stop> {
        let data = match self.report.output() {
            _ if self.json => Some(format!("{:#}", self.report.to_json())),
            // JSON is laid out for reading; text stays as it is.
            output => output.map(|output| format!("{output:#}")),
        };
        let printed = data.is_some();
        let told = data.map_or(Ok(()), |data| stdout::write(&data));
        if printed && std::io::stdout().is_terminal() {
            paint::say("");
        }
        self.report.summary().lines().iter().for_each(|line| paint::say(&paint::line(line)));
        if let Some(next) = advice(&self.report) {
            paint::say("");
            paint::next(next);
        }
        let mut exit = self.exit;
        for stop in told.err().into_iter().chain(self.beside) {
            stop.tell();
            // The outcome of the goal says more than trouble beside it, unless it says that all is well.
            exit = if exit == Exit::Done { stop.exit } else { exit };
        }
        Ok(exit)
    }
}
