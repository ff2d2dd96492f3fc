"""Places in QuickJS's source that get a line of ours.

An unread object (``json_unread.h``) answers what its class is asked, and is read first; six places look at an
object without asking its class. Two more lead ``JSON.parse`` and ``JSON.stringify`` to code of ours, and the last
two go on soundly where an allocation is refused. A place must stand in the source exactly once: an upgrade that
moves or doubles one fails the build, and then somebody has to look where it went.
"""

from dataclasses import dataclass

from wasm_host.errors import HostError


@dataclass(frozen=True)
class Hook:
    """One place.

    Attributes:
        name: the function that it stands in.
        place: text of the source, which stands there once.
        replacement: what comes in its place.
    """

    name: str
    place: str
    replacement: str


HOOKS = (
    Hook(
        "JS_IsArray",
        "        JSObject *p = JS_VALUE_GET_OBJ(val);\n        return p->class_id == JS_CLASS_ARRAY;\n",
        "        JSObject *p = JS_VALUE_GET_OBJ(val);\n        return json_is_array(p);\n",
    ),
    Hook(
        "js_is_array",
        "            return js_proxy_isArray(ctx, val);\n        else\n"
        "            return p->class_id == JS_CLASS_ARRAY;\n",
        "            return js_proxy_isArray(ctx, val);\n        else\n            return json_is_array(p);\n",
    ),
    Hook(
        "js_json_parse",
        '        obj = JS_ParseJSON_internal(ctx, str, len, "<input>", NULL);\n',
        "        obj = json_parse(ctx, str, len);\n",
    ),
    Hook(
        "js_json_stringify",
        "    return JS_JSONStringify(ctx, argv[0], argv[1], argv[2]);\n",
        "    return json_stringify(ctx, argv[0], argv[1], argv[2]);\n",
    ),
    Hook(
        "JS_GetOwnPropertyNamesInternal",
        "    exotic_count = 0;\n    tab_exotic = NULL;\n    sh = p->shape;\n",
        "    exotic_count = 0;\n    tab_exotic = NULL;\n    if (json_look(ctx, p))\n        return -1;\n"
        "    sh = p->shape;\n",
    ),
    Hook(
        "JS_SetPrototypeInternal",
        "        return js_proxy_setPrototypeOf(ctx, obj, proto_val, throw_flag);\n    sh = p->shape;\n",
        "        return js_proxy_setPrototypeOf(ctx, obj, proto_val, throw_flag);\n    if (json_look(ctx, p))\n"
        "        return -1;\n    sh = p->shape;\n",
    ),
    Hook(
        "JS_DefinePrivateField",
        "    p = JS_VALUE_GET_OBJ(obj);\n    if (unlikely(!p->extensible)) {\n"
        '        JS_ThrowTypeError(ctx, "object is not extensible");\n        goto fail;\n',
        "    p = JS_VALUE_GET_OBJ(obj);\n    if (json_look(ctx, p))\n        goto fail;\n"
        "    if (unlikely(!p->extensible)) {\n"
        '        JS_ThrowTypeError(ctx, "object is not extensible");\n        goto fail;\n',
    ),
    Hook(
        "JS_AddBrand",
        "        p1 = JS_VALUE_GET_OBJ(obj);\n        if (unlikely(!p1->extensible)) {\n",
        "        p1 = JS_VALUE_GET_OBJ(obj);\n        if (json_look(ctx, p1)) {\n"
        "            JS_FreeAtom(ctx, brand_atom);\n            return -1;\n        }\n"
        "        if (unlikely(!p1->extensible)) {\n",
    ),
    Hook(  # its length is added to a shape of another prototype, for which memory may be refused
        "JS_NewObjectFromShape",
        "                    pr = add_property(ctx, p, JS_ATOM_length,\n"
        "                                      JS_PROP_WRITABLE | JS_PROP_LENGTH);\n",
        "                    pr = add_property(ctx, p, JS_ATOM_length,\n"
        "                                      JS_PROP_WRITABLE | JS_PROP_LENGTH);\n"
        "                    if (unlikely(!pr)) {\n"
        "                        js_free_shape(ctx->rt, p->shape);\n"
        "                        js_free(ctx, p->prop);\n"
        "                        js_free(ctx, p);\n"
        "                        return JS_EXCEPTION;\n"
        "                    }\n",
    ),
    Hook(  # a refusal's error is an object, for which the collector may run: not while its list lacks the shape
        "resize_properties",
        "        sh_alloc = js_realloc(ctx, get_alloc_from_shape(sh),\n"
        "                              get_shape_size(new_hash_size, new_size));\n"
        "        if (unlikely(!sh_alloc)) {\n"
        "            /* insert again in the GC list */\n"
        "            list_add_tail(&sh->header.link, &ctx->rt->gc_obj_list);\n",
        "        sh_alloc = js_realloc_rt(ctx->rt, get_alloc_from_shape(sh),\n"
        "                                 get_shape_size(new_hash_size, new_size));\n"
        "        if (unlikely(!sh_alloc)) {\n"
        "            /* insert again in the GC list */\n"
        "            list_add_tail(&sh->header.link, &ctx->rt->gc_obj_list);\n"
        "            JS_ThrowOutOfMemory(ctx);\n",
    ),
)


def hooked(source: str) -> str:
    """Return QuickJS's source with the hooks in it.

    Raises:
        HostError: a place does not stand in it exactly once.
    """
    for hook in HOOKS:
        found = source.count(hook.place)
        if found != 1:
            raise HostError(
                f"the place of a hook in {hook.name} stands {found} times in quickjs.c, and should stand there "
                "once: see wasm_host/quickjs/hooks.py"
            )
        source = source.replace(hook.place, hook.replacement)
    return source
