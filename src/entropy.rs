//! Randomness: a promise of bits that nobody can foretell.

/// Gives random bits for ids, nonces and keys.
pub trait Entropy: Send + Sync {
    /// Fills `bytes`.
    ///
    /// # Errors
    /// [`NoEntropy`] if the source fails; what needs the bits must then be refused.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy>;

    /// 128 random bits.
    ///
    /// # Errors
    /// [`NoEntropy`] if the source fails.
    fn bits128(&self) -> Result<[u8; 16], NoEntropy> {
        let mut bits = [0; 16];
        self.fill(&mut bits).map(|()| bits)
    }
}

/// The source of randomness failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoEntropy;

impl core::fmt::Display for NoEntropy {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the system's source of randomness failed")
    }
}

impl std::error::Error for NoEntropy {}

/// The operating system's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        use rand::TryRng as _;
        rand::rngs::SysRng.try_fill_bytes(bytes).map_err(|_| NoEntropy)
    }
}
