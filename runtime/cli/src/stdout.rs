//! Data for whoever reads stdout. That nobody does any more is not an error.

use std::io::{self, ErrorKind, Write};

use crate::exit::Stop;

/// Writes all of it with a newline at the end, and flushes.
///
/// # Errors
/// If the data could not be written, a reader who has gone excepted.
pub(crate) fn write(text: &str) -> Result<(), Stop> {
    write_to(&mut io::stdout().lock(), text).map_err(|why| {
        Stop::failed(format!("stdout could not be written: {why}"), "free some space, or send it somewhere else")
    })
}

fn write_to(out: &mut impl Write, text: &str) -> io::Result<()> {
    let newline = if text.ends_with('\n') { "" } else { "\n" };
    let written =
        out.write_all(text.as_bytes()).and_then(|()| out.write_all(newline.as_bytes())).and_then(|()| out.flush());
    match written {
        Err(why) if why.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream on which every write fails in this way.
    struct Failing(ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_data_ends_with_one_newline() {
        let written = |text| {
            let mut out = Vec::new();
            write_to(&mut out, text).unwrap();
            String::from_utf8(out).unwrap()
        };

        assert_eq!([written("a"), written("a\n"), written("")], ["a\n", "a\n", "\n"]);
    }

    #[test]
    fn a_reader_who_has_gone_is_no_error_and_a_full_disk_is_one() {
        assert!(write_to(&mut Failing(ErrorKind::BrokenPipe), "a").is_ok());
        assert!(write_to(&mut Failing(ErrorKind::StorageFull), "a").is_err());
    }
}
