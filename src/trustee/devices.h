#pragma once

#include <vector>

#include "agreement/plan.h"
#include "base/result.h"
#include "vault/vault.h"

namespace holdfast::trustee {

/// Which devices a release tells of, as evidence names them, so that a law's threshold can be counted from the log
/// alone: by a MAC under a key that is made from the subject's own and dies with it. So nothing in the log joins two
/// subjects, and nothing is left of them after an erasure; a device that two people share counts as two.
class Devices {
 public:
  static constexpr std::size_t kMax = 2000;  ///< of one release: more does not fit into an entry

  /// Borrows all three.
  Devices(const agreement::Plan& plan, const agreement::Flow& flow, const vault::Subject& subject);
  /// A record of `collection` leaves. `id` tells it from the others held of it: a row's key, a single record's version.
  /// One that names no device, or lies where nothing tells devices apart, counts as a device of its own.
  void add(agreement::CollectionIndex collection, const vault::Record& record, ByteView id);
  /// As Released::devices has them: nothing if the flow's are not counted.
  /// Errors: refused "release.devices.many".
  Result<std::optional<std::vector<Pseudonym>>> take();

 private:
  const agreement::Plan& plan_;
  const agreement::Flow& flow_;
  Key256 key_;
  std::vector<Pseudonym> found_;
};

}  // namespace holdfast::trustee
