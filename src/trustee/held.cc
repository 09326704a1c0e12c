#include "trustee/held.h"

namespace holdfast::trustee {

Result<void> read_held(const vault::Vault& vault, const vault::Subject& subject, const Holding& holding,
                       const std::function<bool(const Held&)>& visit) {
  if (holding.append_only) {
    return vault.read_rows(subject, holding.retention, [&](const vault::StoredRow& row) {
      return visit({row.key, std::nullopt, row.record});
    });
  }
  const auto stored = vault.read(subject, holding.retention);
  if (stored) {
    visit({std::to_string(stored->version), stored->version, stored->record});
  } else if (stored.error().code != Code::not_found) {
    return tl::unexpected<Error>(stored.error());
  }
  return {};
}

}  // namespace holdfast::trustee
