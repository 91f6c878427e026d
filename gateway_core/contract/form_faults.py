"""Why Envoy's module cannot read a form (`multipart/form-data`): the values of `request_facts.UNREADABLE` for one."""

from typing import Final

FORM_FAULTS: Final = {
    "ambiguous_part": (
        "A part of the form names itself in a way that readers differ on. Give each part one quoted name, without escapes, and"
        " send fields of text without a file name."
    ),
    "bad_boundary": (
        "The content type of the form has no boundary, or one that readers differ on. Let the HTTP client set the header."
    ),
    "encoded_part": "A part of the form has a content transfer encoding. Send its bytes as they are.",
    "long_field": "A field of the form that decides the price is longer than 256 bytes. Send a shorter value.",
    "long_part_header": "The headers of a part of the form are too long. Send a shorter file name.",
    "malformed_form": "The form is malformed. Check its boundaries and line ends, and that nothing precedes or follows it.",
    "misspelled_field": (
        "The form has a field that differs from one that decides the price only in letter case or by an index. Use the"
        " documented name."
    ),
    "nameless_file": "A file of the form has no file name. Send it as a file.",
    "referenced_file": "The form names pictures by URL or id. Send their bytes in `image[]`.",
    "repeated_field": "The form names a field that decides the price twice. Send it once.",
    "truncated_form": "The form ends before its last boundary. Send the whole form.",
    "unnamed_part": "A part of the form has no name. Name each part.",
    "unprintable_field": "A field of the form that decides the price is not printable ASCII text. Send plain text.",
}
"""The message for the caller, by fault."""
