//! (signer)
