//! What the caller hands in by name (`--input path=DIR`), against what the file declares in `[inputs]`.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    path::{Path, PathBuf},
};

use bailiwick_protocols::Json;

use super::{item::Item, suggest};

/// What the caller hands in: the `--input` pairs, the folder their paths are against, and perhaps the goal.
#[derive(Clone, Debug)]
#[must_use]
pub struct Inputs {
    given: Vec<(String, String)>,
    malformed: Vec<String>,
    folder: PathBuf,
    goal: Option<String>,
    all_given: bool,
}

impl Inputs {
    /// No inputs yet. Relative paths are taken against `current_folder`, the caller's own.
    pub fn new(current_folder: impl Into<PathBuf>) -> Self {
        let folder = current_folder.into();
        Self { given: Vec::new(), malformed: Vec::new(), folder, goal: None, all_given: true }
    }

    /// For looking at a file without running it: an input or a goal that is not handed in is not missed.
    pub fn unfilled() -> Self {
        Self { all_given: false, ..Self::new(".") }
    }

    /// Hands in one value.
    pub fn set(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.given.push((name.into(), value.into()));
        self
    }

    /// Hands in one `NAME=VALUE`, as it stands on a command line. One that is not of this form is told at load.
    pub fn pair(mut self, pair: impl AsRef<OsStr>) -> Self {
        let pair = pair.as_ref();
        match pair.to_str().and_then(|pair| pair.split_once('=')) {
            Some((name, value)) => self.set(name, value),
            None => {
                self.malformed.push(pair.to_string_lossy().into_owned());
                self
            }
        }
    }

    /// Says what is wanted, in place of the `goal` of the file.
    pub fn goal(mut self, text: impl Into<String>) -> Self {
        self.goal = Some(text.into());
        self
    }

    pub(super) fn goal_text(&self) -> Option<&str> {
        self.goal.as_deref()
    }

    pub(super) fn all_given(&self) -> bool {
        self.all_given
    }
}

/// What an input is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum InputKind {
    /// A file or folder that exists, handed on absolute.
    Path,
    /// Any text.
    Text,
}

/// An input that the file declares.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct TeamInput {
    /// Its name: `params.NAME` for a program, `{input.NAME}` in its arguments.
    pub name: String,
    /// What it is.
    pub kind: InputKind,
    /// Whether it must be handed in.
    pub required: bool,
    /// What it is for; empty if the file does not say.
    pub help: String,
    /// Its value where none is handed in. A relative path is against the folder of the file.
    pub default: Option<String>,
}

impl TeamInput {
    /// Whether it has a value in every run.
    pub(super) fn is_certain(&self) -> bool {
        self.required || self.default.is_some()
    }
}

/// Reads `[inputs]`.
pub(super) fn declared(item: Option<&Item<'_>>) -> Vec<TeamInput> {
    let named = item.and_then(Item::table).map(|fields| fields.all()).unwrap_or_default();
    named.into_iter().filter_map(|(name, item)| input(name, &item)).collect()
}

fn input(name: &str, item: &Item<'_>) -> Option<TeamInput> {
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
        item.refuse(
            "the name of an input has letters, digits, `_` and `-` only",
            "choose a plain name, such as `path`",
        );
    }
    let fields = item.table()?;
    let kind = fields
        .need("type", "say what it is: type = \"path\" or type = \"string\"")
        .and_then(|kind| kind.one_of(&[("path", InputKind::Path), ("string", InputKind::Text)]));
    let required = fields.get("required").and_then(|required| required.boolean());
    let help = fields.get("help").and_then(|help| help.text()).unwrap_or_default().to_owned();
    let default = fields.get("default");
    if let (Some(true), Some(default)) = (required, &default) {
        default.refuse("an input with a default is never missing", "drop `required` or `default`");
    }
    let default = default.and_then(|default| default.text()).map(str::to_owned);
    fields.close();
    // A declaration with a problem still declares its name: whoever uses it made no mistake.
    let (kind, required) = (kind.unwrap_or(InputKind::Text), required.unwrap_or(false));
    Some(TeamInput { name: name.to_owned(), kind, required, help, default })
}

/// The values of a run by name: what was handed in, and defaults. `root` is the file, `folder` where it lies.
pub(super) fn values(
    declared: &[TeamInput],
    inputs: &Inputs,
    root: &Item<'_>,
    folder: &Path,
) -> BTreeMap<String, Json> {
    let note = |name: &str, message: String, help: String| {
        let pointer = super::syntax::below("/inputs", name);
        root.findings.note(root.node.find(&pointer), &pointer, message, help);
    };
    for pair in &inputs.malformed {
        note(pair, format!("--input {pair} is not NAME=VALUE in UTF-8"), "write --input NAME=VALUE".to_owned());
    }
    let mut values = BTreeMap::new();
    for (name, value) in &inputs.given {
        let Some(input) = declared.iter().find(|input| input.name == *name) else {
            let known = declared.iter().map(|input| input.name.as_str());
            note(name, format!("--input {name}=..: the team file has no input `{name}`"), suggest::help(name, known));
            continue;
        };
        let value = match input.kind {
            InputKind::Text => Ok(value.clone()),
            InputKind::Path => absolute(&inputs.folder, value),
        };
        match value {
            Ok(_) if values.contains_key(name) => {
                note(name, format!("--input {name}=.. is given twice"), "give it once".to_owned());
            }
            Ok(value) => drop(values.insert(name.clone(), Json::from(value))),
            Err(why) => note(name, why, format!("name a file or folder that is there: --input {name}=PATH")),
        }
    }
    for input in declared.iter().filter(|input| !values.contains_key(&input.name)).collect::<Vec<_>>() {
        let value = match (&input.default, input.kind) {
            (Some(text), InputKind::Text) => Ok(text.clone()),
            (Some(path), InputKind::Path) => absolute(folder, path),
            (None, _) if input.required && inputs.all_given => Err(format!("the input `{}` is missing", input.name)),
            (None, _) => continue,
        };
        match value {
            Ok(value) => drop(values.insert(input.name.clone(), value.into())),
            Err(why) if input.help.is_empty() => note(&input.name, why, format!("add --input {}=..", input.name)),
            Err(why) => note(&input.name, why, format!("add --input {}=.. ({})", input.name, input.help)),
        }
    }
    values
}

/// The path against the folder, absolute and free of links, as text.
fn absolute(folder: &Path, path: &str) -> Result<String, String> {
    // Joined, it would be the folder itself: a variable that was not set would hand in a folder nobody named.
    if path.is_empty() {
        return Err("the path is empty".to_owned());
    }
    let path = folder.join(path);
    let shown = path.display();
    let found = path.canonicalize().map_err(|error| format!("{shown} cannot be used: {error}"))?;
    found.into_os_string().into_string().map_err(|found| format!("{} is not UTF-8", found.to_string_lossy()))
}

/// Checks every `{input.NAME}` in an argument of a program: the program's agent fills it in, from `params`.
pub(super) fn check_argument(argument: &Item<'_>, declared: &[TeamInput]) {
    let mut rest = argument.text().unwrap_or_default();
    while let Some(start) = rest.find("{input.") {
        let Some((name, behind)) = rest[start + "{input.".len()..].split_once('}') else {
            argument.refuse("`{input.` without its `}`", "write {input.NAME}");
            return;
        };
        match declared.iter().find(|input| input.name == name) {
            Some(input) if !input.is_certain() => argument.refuse(
                format!("the input `{name}` may be missing in a run, and then this argument would have a hole"),
                format!("give [inputs.{name}] `required = true` or a default"),
            ),
            Some(_) => {}
            None => {
                let known = declared.iter().map(|input| input.name.as_str());
                argument.refuse(format!("there is no input `{name}`"), suggest::help(name, known));
            }
        }
        rest = behind;
    }
}
