#pragma once

#include <string>

#include "base/note.h"
#include "base/result.h"

namespace holdfast::cli {

/// A passphrase from $HOLDFAST_PASSPHRASE, or typed on the terminal without echo after `prompt`.
/// invalid "cli.passphrase.missing" when there is neither; the caller wipes what it gets.
Result<std::string> read_passphrase(const std::string& prompt);
/// The same, asked twice on a terminal; not empty.
Result<std::string> read_new_passphrase();

/// Loads a private key, asking for the passphrase only if its file needs one.
Result<SigningKey> load_key(const std::string& path);

}  // namespace holdfast::cli
