#include "trustee/devices.h"

#include <algorithm>

#include "base/hash.h"
#include "disclosure/value.h"

namespace holdfast::trustee {

Devices::Devices(const agreement::Plan& plan, const agreement::Flow& flow, const vault::Subject& subject)
    : plan_(plan), flow_(flow) {
  if (!flow.devices.empty()) key_ = subject.derive_secret("devices");
}

void Devices::add(agreement::CollectionIndex collection, const vault::Record& record, ByteView id) {
  const auto counted = std::ranges::find(flow_.devices, collection, &agreement::CountedDevices::collection);
  if (counted == flow_.devices.end()) return;
  const agreement::Collection& declared = plan_.collections[collection];
  // By category and not by name, so that a device is the same in every collection.
  Bytes message;
  bool named = false;
  for (const agreement::FieldIndex index : counted->fields) {
    const agreement::Field& field = declared.fields[index];
    const Bytes* value = record.find(field.tag);
    put_sized(message, field.category);
    put_sized(message, value ? disclosure::comparable(field.type, *value) : Bytes());
    named = named || value;
  }
  if (!named) {
    message = "a record of ";
    put_sized(message, declared.name);
    put_sized(message, id);
  }
  const Hash mac = hmac_sha256(key_.view(), message);
  wipe(message);
  found_.push_back(*Pseudonym::from(mac.view().substr(0, Pseudonym::kSize)));
}

Result<std::optional<std::vector<Pseudonym>>> Devices::take() {
  std::optional<std::vector<Pseudonym>> out;
  if (flow_.devices.empty()) return out;
  std::ranges::sort(found_);
  found_.erase(std::unique(found_.begin(), found_.end()), found_.end());
  if (found_.size() > kMax) {
    return fail(Code::refused, "release.devices.many", flow_.name,
                "a rule of the agreement counts the devices that this release tells of, and they are more than the " +
                    std::to_string(kMax) +
                    " that an entry of evidence can name; keep fewer records, or agree on a form that is not counted");
  }
  out = std::move(found_);
  return out;
}

}  // namespace holdfast::trustee
