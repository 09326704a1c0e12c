#pragma once

// Do databases belong together?

#include <span>
#include <string>

#include "base/result.h"
#include "storage/file_list.h"

namespace holdfast::storage {

// A store's parts are written to together, and none says by itself that it was put back from another day. So their
// lists (kListFile) say of what history they are, a random number that a store gets at its first write and when it is
// restored, and how many starts wrote to them. A copy's lists say of what backup they are, too.

/// Parts of a store, in an order: are they of one history, and of one time? For before they are opened; new ones are of
/// any. Changes nothing. Errors: corrupt "storage.parts.differ", naming the part that does not belong; unavailable.
Result<void> require_together(std::span<const std::string> parts);
/// Has their lists say, after require_together, that a start begins to write: for before it does. Errors: unavailable.
Result<void> begin_together(std::span<const std::string> parts);
/// Has their lists begin a history of their own: for copies that become a store. Errors: unavailable.
Result<void> begin_history(std::span<const std::string> parts);

/// What the lists of a backup's parts say of it: the history of `part`, and a number of its own. Errors: unavailable.
Result<FileList> mark_of_backup(const std::string& part);
/// Are copies of `records` and `log` of one backup, and `keys` of the same history? Keys may be of an earlier or a
/// later backup. Errors: corrupt "storage.parts.differ", naming the copy that does not belong; not_found, without a
/// list; unavailable.
Result<void> require_one_backup(const std::string& records, const std::string& log, const std::string& keys);

}  // namespace holdfast::storage
