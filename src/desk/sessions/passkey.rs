//! Signing in with a passkey: no name is typed, for the passkey says whose it is.

use super::held::Means;
use super::{CHALLENGE_LIFE, DAY_LIFE, ENROL_LIFE, Sessions, SignInRefused, SignedIn};
use crate::entropy::NoEntropy;
use crate::party::PersonId;
use crate::presence::passkey::{Asked, Assertion, Purpose, Registration};
use ring::hmac;

impl Sessions {
    /// A question to a passkey. Like a challenge it is kept nowhere.
    ///
    /// # Errors
    /// [`SignInRefused::NoEntropy`].
    pub fn ask(&self, purpose: Purpose) -> Result<Asked, SignInRefused> {
        let mut nonce = [0; 32];
        self.entropy.fill(&mut nonce).map_err(|NoEntropy| SignInRefused::NoEntropy)?;
        let life = match purpose {
            Purpose::SignIn => CHALLENGE_LIFE,
            Purpose::Enrol(_) => ENROL_LIFE,
        };
        let until = self.clock.now().plus(life);
        let mut asked = Asked { domain: self.domain.clone(), purpose, until, nonce, seal: [0; 32] };
        let seal = hmac::sign(&self.seal, asked.sealed().as_bytes());
        asked.seal = seal.as_ref().try_into().map_err(|_| SignInRefused::Challenge)?;
        Ok(asked)
    }

    /// A question of ours, in time, for this purpose.
    fn asked(&self, text: &str, purpose: &Purpose) -> Result<Asked, SignInRefused> {
        let asked = Asked::parse(text).ok_or(SignInRefused::Challenge)?;
        let sealed = asked.sealed();
        hmac::verify(&self.seal, sealed.as_bytes(), &asked.seal).map_err(|_| SignInRefused::Foreign)?;
        if self.clock.now() >= asked.until || asked.domain != self.domain {
            return Err(SignInRefused::ChallengeOver);
        }
        if asked.purpose == *purpose { Ok(asked) } else { Err(SignInRefused::Foreign) }
    }

    /// Takes a question that somebody's passkey answered, once; `credential` is what the browser says of it.
    ///
    /// # Errors
    /// [`SignInRefused`]: what is wrong with it.
    pub fn sign_in_by_passkey(&self, asked: &str, credential: &str) -> Result<SignedIn, SignInRefused> {
        let asked = self.asked(asked, &Purpose::SignIn)?;
        let assertion = Assertion::from_browser(credential).map_err(SignInRefused::Passkey)?;
        let directory = self.roster.directory();
        let (person, passkey) =
            directory.owner(assertion.credential()).ok_or(SignInRefused::UnknownPasskey)?;
        let party = directory.relying_party().ok_or(SignInRefused::UnknownPasskey)?;
        let counter = assertion.verify(passkey, party, &asked.challenge()).map_err(SignInRefused::Passkey)?;
        self.state().count(&passkey.id, counter)?;
        let means = Means::Passkey(Box::new(passkey.clone()));
        self.begin(&person.id, (asked.nonce, asked.until), means, DAY_LIFE)
    }

    /// Takes the passkey that a browser made for this person, when it was asked to.
    ///
    /// # Errors
    /// [`SignInRefused`]: what is wrong with it.
    pub fn created(
        &self,
        person: &PersonId,
        asked: &str,
        credential: &str,
    ) -> Result<Registration, SignInRefused> {
        let asked = self.asked(asked, &Purpose::Enrol(person.clone()))?;
        let directory = self.roster.directory();
        let party = directory.relying_party().ok_or(SignInRefused::UnknownPasskey)?;
        Registration::from_browser(credential, &asked.challenge(), party).map_err(SignInRefused::Passkey)
    }

    /// Begins a session with a passkey that was made just now, in the answer to this question.
    ///
    /// # Errors
    /// [`SignInRefused`] if it is not this person's any more, or the question was answered before.
    pub fn sign_in_enrolled(
        &self,
        person: &PersonId,
        asked: &str,
        registration: &Registration,
    ) -> Result<SignedIn, SignInRefused> {
        let asked = self.asked(asked, &Purpose::Enrol(person.clone()))?;
        let directory = self.roster.directory();
        let (owner, passkey) =
            directory.owner(registration.credential()).ok_or(SignInRefused::UnknownPasskey)?;
        if owner.id != *person {
            return Err(SignInRefused::UnknownPasskey);
        }
        self.state().count(&passkey.id, registration.counter())?;
        let means = Means::Passkey(Box::new(passkey.clone()));
        self.begin(person, (asked.nonce, asked.until), means, DAY_LIFE)
    }
}
