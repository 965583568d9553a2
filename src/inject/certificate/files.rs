//! A certificate that somebody else keeps in files, a cert-manager for instance: taken again whenever they change.

use crate::files::refuse_exposed;
use crate::inject::server::{Shown, tls};
use crate::moment::Moment;
use core::fmt;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use std::path::PathBuf;
use std::sync::Arc;

/// Where they are.
pub struct Files {
    /// The chain, PEM, the server's certificate first.
    pub certificate: PathBuf,
    /// Its key, PEM.
    pub key: PathBuf,
    /// Where it is shown.
    pub shown: Arc<Shown>,
}

/// The files can't be used; what was shown goes on being shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotTaken(String);

impl fmt::Display for NotTaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotTaken {}

impl Files {
    /// Looks at the files by what is in them: a kubelet swaps a link above them. Tells until when the certificate is
    /// valid.
    ///
    /// # Errors
    /// [`NotTaken`], with the file; also while a certificate has come and its key has not.
    pub fn look(&self) -> Result<Moment, NotTaken> {
        let read = |path: &PathBuf| {
            std::fs::read(path).map_err(|error| NotTaken(format!("`{}`: {error}", path.display())))
        };
        refuse_exposed(&self.key).map_err(|error| NotTaken(error.to_string()))?;
        let (certificate, key) = (read(&self.certificate)?, read(&self.key)?);
        let pem = String::from_utf8_lossy(&certificate);
        if let Some(not_after) = self.shown.not_after().filter(|_| self.shown.is(&pem)) {
            return Ok(not_after);
        }
        let wrong = |what: &dyn fmt::Display| NotTaken(format!("`{}`: {what}", self.certificate.display()));
        let config = tls(&certificate, &key).map_err(|error| wrong(&error))?;
        let leaf = CertificateDer::from_pem_slice(&certificate).map_err(|error| wrong(&error))?;
        let not_after = not_after(&leaf).ok_or_else(|| wrong(&"it does not say when it ends"))?;
        self.shown.show(config, &pem, not_after);
        Ok(not_after)
    }
}

/// When a certificate ends (RFC 5280 §4.1.2.5).
fn not_after(certificate: &[u8]) -> Option<Moment> {
    const VERSION: u8 = 0xa0;
    let (_, certificate, _) = value(certificate)?;
    let (_, signed, _) = value(certificate)?;
    let (tag, _, rest) = value(signed)?;
    let (_serial, rest) =
        if tag == VERSION { value(rest).map(|(_, serial, rest)| (serial, rest))? } else { (signed, rest) };
    let (_, _algorithm, rest) = value(rest)?;
    let (_, _issuer, rest) = value(rest)?;
    let (_, validity, _) = value(rest)?;
    let (_, _not_before, rest) = value(validity)?;
    let (_, time, _) = value(rest)?;
    let digits = core::str::from_utf8(time).ok()?.strip_suffix('Z')?;
    // Two digits of the year mean 1950 to 2049.
    let digits = match digits.len() {
        12 if digits < "5" => format!("20{digits}"),
        12 => format!("19{digits}"),
        _ => digits.to_owned(),
    };
    let part = |from: usize, to: usize| digits.get(from..to);
    let (date, clock) =
        ((part(0, 4)?, part(4, 6)?, part(6, 8)?), (part(8, 10)?, part(10, 12)?, part(12, 14)?));
    Moment::from_rfc3339(&format!("{}-{}-{}T{}:{}:{}Z", date.0, date.1, date.2, clock.0, clock.1, clock.2))
        .filter(|_| digits.len() == 14)
}

/// The tag of the first value, what is in it, and what follows it.
fn value(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        length @ 0..=0x7f => (usize::from(*length), rest),
        count @ 0x81..=0x83 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(count & 0x7f))?;
            (bytes.iter().fold(0, |length: usize, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (inside, rest) = rest.split_at_checked(length)?;
    Some((*tag, inside, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inject::certificate::{Generation, LIFE};

    fn made(seconds: u64) -> Generation {
        Generation::make(&["a.example".to_owned()], Moment::from_unix_seconds(seconds)).unwrap()
    }

    fn write(files: &Files, certificate: &str, key: &str) {
        crate::files::write_private(&files.certificate, certificate.as_bytes()).unwrap();
        crate::files::write_private(&files.key, key.as_bytes()).unwrap();
    }

    #[test]
    fn the_end_of_a_certificate_is_read() {
        for seconds in [1_900_000_000, 2_524_608_000, 4_000_000_000] {
            let made = made(seconds);
            let leaf = CertificateDer::from_pem_slice(made.certificate.as_bytes()).unwrap();
            assert_eq!(not_after(&leaf), Some(Moment::from_unix_seconds(seconds).plus(LIFE)), "{seconds}");
        }
        for bytes in [&b""[..], b"\x30", b"\x30\x80", b"\x30\x02\x30\x00", &[0x30; 40]] {
            assert_eq!(not_after(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn changed_files_are_taken_and_what_does_not_fit_together_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let shown = Arc::new(Shown::default());
        let path = |name| folder.path().join(name);
        let files = Files { certificate: path("tls.crt"), key: path("tls.key"), shown: shown.clone() };
        assert!(files.look().is_err(), "there is nothing yet");
        let (first, second) = (made(1_900_000_000), made(1_900_000_001));
        write(&files, &first.certificate, &first.key);
        assert_eq!(files.look(), Ok(first.not_after));
        assert!(shown.is(&first.certificate));
        // The certificate has come, and its key has not.
        write(&files, &second.certificate, &first.key);
        assert!(files.look().is_err());
        assert!(shown.is(&first.certificate), "what was there stays");
        write(&files, &second.certificate, &second.key);
        assert_eq!(files.look(), Ok(second.not_after));
        assert!(shown.is(&second.certificate));
        write(&files, "nonsense", &second.key);
        assert!(files.look().is_err());
        assert!(shown.is(&second.certificate));
    }
}
