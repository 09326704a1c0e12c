#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "sealed/provenance/source.h"

namespace holdfast::cli {

/// Every file and symbolic link beneath `folder`, hashed, but what lies in folders named .git.
/// Errors: not_found "file.missing"; invalid "cli.source.kind" (a socket, a device), "cli.source.large" (a file of more
/// than 1 GiB); unavailable "file.read".
Result<std::vector<sealed::SourceFile>> read_source_folder(const std::string& folder);

/// The secret that a commitment's salts come from, 64 hex digits in a file of mode 0600.
/// Errors: invalid "key.file.wide", "cli.source.secret"; those of read_file.
Result<Key256> load_source_secret(const std::string& path);
/// The same, made when there is no such file; `made` says which it was. What is there is never overwritten.
/// Errors: invalid "cli.source.secret" when it would lie in `folder`; unavailable "file.write".
Result<Key256> ensure_source_secret(const std::string& path, const std::string& folder, bool& made);

}  // namespace holdfast::cli
