#pragma once

#include <string_view>

#include "base/result.h"

namespace holdfast::vault {

inline constexpr std::size_t kSubjectIdBytesMax = 512;
inline constexpr std::size_t kRowKeyBytesMax = 512;

/// Whatever names a subject or a row has to fit into a path of the API, so that whoever is taken into custody can also
/// be asked for, restricted and erased: some bytes, at most as many as above, of UTF-8 without NUL. Errors: invalid
/// "vault.subject.id", at "subject".
Result<void> check_subject_id(std::string_view id);
/// invalid "vault.row.key"; the place is the caller's to name.
Result<void> check_row_key(std::string_view key);

}  // namespace holdfast::vault
