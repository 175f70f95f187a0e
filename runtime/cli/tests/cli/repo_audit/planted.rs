//! A folder in which every TODO and FIXME was planted, and every name is awkward.

use std::{
    ffi::{OsStr, OsString},
    fs,
    os::unix::{
        ffi::OsStrExt,
        fs::{PermissionsExt, symlink},
        net::UnixListener,
    },
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{output, report};

/// What the lines say, and as what they count.
const LINES: &[(&str, &[&str])] = &[
    ("nothing to see", &[]),
    ("// TODO: mend this", &["TODO"]),
    ("  # FIXME(ada) and this", &["FIXME"]),
    ("TODO and FIXME on one line, TODO twice", &["FIXME", "TODO"]),
    ("TODOs, todo, aTODO, TODO_2, FIXMEs and PREFIXME are other words", &[]),
    ("\t\"quoted\" TODO with \\ and | and ` and * and <b>", &["TODO"]),
    ("äTODOö between letters that are no ASCII", &["TODO"]),
    ("a line that ends as on Windows: TODO\r", &["TODO"]),
    ("the last line needs no newline: FIXME", &["FIXME"]),
];

const NAMES: &[&[u8]] = &[
    b"plain.rs",
    b"with space.txt",
    b"  leading and trailing  ",
    b"it's \"quoted\".md",
    b"-rf",
    b"--help",
    b"-e TODO",
    b"-",
    b"new\nline.py",
    b"\n",
    b"ends with newline\n",
    b"tab\there.c",
    b"back\\slash\\n.sh",
    b"carriage\rreturn",
    b"bell\x07 and \x1b[31mescape",
    "naïve-日本語-😀.txt".as_bytes(),
    b"not utf-8 \xff\xfe.txt",
    b"*",
    b"[a-z]?.txt",
    b"$(touch pwned).sh",
    b"`touch pwned`;touch pwned|touch pwned&",
    b"x=1",
    b"FS=:",
    b"%s%n%d",
    b"TODO FIXME.txt",
    b"..hidden",
    b"~",
    b"!!",
    b"#comment",
    b"](http:example) <script> `code` **bold**",
    b"a/b c/-d/.e/f\n/deep.go",
];

/// The folder, and what is to be found in it.
pub(super) struct Folder {
    _home: TempDir,
    pub(super) path: PathBuf,
    /// File, line and kind.
    planted: Vec<(String, u64, &'static str)>,
    files: usize,
    unreadable: usize,
}

impl Folder {
    pub(super) fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("- an \"odd\"\nfolder's name *");
        let mut folder = Self { path, planted: Vec::new(), files: 0, unreadable: 0, _home: home };
        fs::create_dir(&folder.path).unwrap();
        for (index, name) in NAMES.iter().enumerate() {
            // Files of different lengths, so that no two could be taken for each other.
            folder.plant(OsStr::from_bytes(name), &LINES[..=index % LINES.len()]);
        }
        folder.plant(OsStr::new("all.txt"), LINES);
        folder.binaries();
        folder.links();
        folder.no_files(home_of(&folder.path));
        folder.locked();
        folder.planted.sort_unstable();
        folder
    }

    fn plant(&mut self, name: &OsStr, lines: &[(&str, &'static [&'static str])]) {
        let text: Vec<_> = lines.iter().map(|(text, _)| *text).collect();
        self.put(name, text.join("\n").as_bytes());
        for ((_, kinds), number) in lines.iter().zip(1..) {
            let told = name.to_string_lossy();
            self.planted.extend(kinds.iter().map(|kind| (told.to_string(), number, *kind)));
        }
    }

    fn put(&mut self, name: &OsStr, content: &[u8]) {
        let file = self.path.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
        self.files += 1;
    }

    /// A NUL makes a file binary, wherever it stands.
    fn binaries(&mut self) {
        let late = [&b"TODO FIXME\n".repeat(50_000)[..], b"\0"].concat();
        self.put(OsStr::new("early.bin"), b"\0TODO\nFIXME\n");
        self.put(OsStr::new("late\n.bin"), &late);
        self.put(OsStr::new("late.bin"), &late);
    }

    /// Nothing is found twice, and nothing outside.
    fn links(&self) {
        let outside = home_of(&self.path).join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("file.rs"), "// TODO: outside\n").unwrap();
        let link = |to: &Path, name: &str| symlink(to, self.path.join(name)).unwrap();
        link(Path::new("all.txt"), "link to a file");
        link(&outside, "link-to-a-folder");
        link(&outside.join("file.rs"), "link-outside.rs");
        link(Path::new("nowhere"), "dangling");
        link(Path::new("."), "loop");
    }

    /// Who opens one of these to read, waits for ever or fails.
    fn no_files(&self, home: &Path) {
        Command::new("mkfifo").arg(self.path.join("pipe TODO")).status().unwrap();
        // The path of a socket is short, its name after a move is not.
        drop(UnixListener::bind(home.join("s")).unwrap());
        fs::rename(home.join("s"), self.path.join("socket")).unwrap();
    }

    fn locked(&mut self) {
        self.put(OsStr::new("locked\tfile"), b"TODO\n");
        let file = self.path.join("locked\tfile");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
        // To root nothing is locked.
        if fs::read(&file).is_ok() {
            self.planted.push(("locked\tfile".to_owned(), 1, "TODO"));
        } else {
            self.unreadable = 1;
        }
    }

    /// Compares what was planted with the object of `run --json` and with the report in it.
    pub(super) fn is_told_in(&self, json: &Value) {
        let todos = output(json, "todos");
        let items = todos["items"].as_array().unwrap().iter();
        let mut found: Vec<_> = items
            .map(|item| {
                let kind = if item["kind"] == "TODO" { "TODO" } else { "FIXME" };
                (item["file"].as_str().unwrap().to_owned(), item["line"].as_u64().unwrap(), kind)
            })
            .collect();
        found.sort_unstable();
        assert_eq!(found, self.planted);

        let of = |kind| self.planted.iter().filter(|(_, _, planted)| *planted == kind).count();
        let (todo, fixme) = (of("TODO"), of("FIXME"));
        let mut files: Vec<_> = self.planted.iter().map(|(file, ..)| file).collect();
        files.dedup();
        let counts = ["todo", "fixme", "total", "files", "omitted", "unreadable"].map(|key| &todos[key]);
        assert_eq!(
            counts.map(|count| count.as_u64().unwrap() as usize),
            [todo, fixme, todo + fixme, files.len(), 0, self.unreadable]
        );
        let line = format!("\n- {todo} TODO and {fixme} FIXME in {} files\n", files.len());
        assert!(report(json).contains(&line), "no {line:?} in {}", report(json));
        let listed = |kind: &str| report(json).lines().filter(|line| line.contains(&format!(", {kind}: "))).count();
        assert_eq!((listed("TODO"), listed("FIXME")), (todo.min(100 - listed("FIXME")), listed("FIXME")));

        let inventory = output(json, "inventory");
        // A checkout may have settings of its own.
        let own = usize::from(self.path.join(".gitignore").exists());
        assert_eq!(inventory["files"], json!(self.files + own), "{inventory}");
        assert_eq!(inventory["binary"]["files"], 3, "{inventory}");
        assert_eq!(inventory["unreadable"]["files"], json!(self.unreadable), "{inventory}");
        assert!(!report(json).contains('\u{1b}'), "nothing steers a terminal");
    }

    /// Nobody took a name for an order.
    pub(super) fn is_as_it_was(&self) {
        let names: Vec<OsString> = fs::read_dir(&self.path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(!names.contains(&OsString::from("pwned")), "{names:?}");
        assert!(!home_of(&self.path).join("pwned").exists());
        // One name is a path: `a`. Five links, a pipe, a socket.
        assert_eq!(names.len(), self.files + 7, "{names:?}");
    }
}

fn home_of(folder: &Path) -> &Path {
    folder.parent().unwrap()
}
