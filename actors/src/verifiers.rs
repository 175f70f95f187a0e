//! How outputs are checked against contracts. (header to be completed)
