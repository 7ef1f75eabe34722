#include "kinds.h"

#include "../problem.h"

namespace roi {
namespace {

template <class List>
Napi::Array described(Napi::Env env, List) {
  const auto kinds = Napi::Array::New(env);
  List::each([&](auto kind) {
    const auto described = Napi::Object::New(env);
    const auto options = Napi::Array::New(env);
    for (const Option& option : kind.kOptions) {
      const auto one = Napi::Object::New(env);
      one.Set("name", option.name);
      one.Set("standard", option.standard);
      one.Set("least", option.least);
      one.Set("most", option.most);
      options.Set(options.Length(), one);
    }
    described.Set("name", kind.kName);
    described.Set("options", options);
    kinds.Set(kinds.Length(), described);
  });
  return kinds;
}

}  // namespace

Napi::Value kind_lists(Napi::Env env) {
  const auto lists = Napi::Object::New(env);
  lists.Set("class", described(env, ClassLosses()));
  lists.Set("box", described(env, BoxLosses()));
  lists.Set("mask", described(env, MaskLosses()));
  return lists;
}

}  // namespace roi
