/* Owns the compiled twin of the search in html_places.py: the same places in one pass.

   Two neighbouring bytes tell whether anything can begin here, by one table: the low half of a
   byte's entry names what it can be the first byte of, the high half what it can be the second
   byte of. What the pairs leave over is read byte by byte, never beyond the end: the bytes of a
   Python object are followed by a zero, which ends every run below. */

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>
#include <stdint.h>
#include <string.h>

enum {
    SLASH = 1,       /* "//" and what browsers take for it */
    USER = 1 << 1,   /* "@" */
    BACK = 1 << 2,   /* a backslash */
    COLON = 1 << 3,  /* a scheme's last letter and its colon */
    AMP = 1 << 4,    /* a character reference */
    MARK = 1 << 5,   /* "-p" or "-s" */
    OPEN = 1 << 6,   /* the start of a drawing, SVG or MathML */
    NESTED = 1 << 7, /* the middle of "srcdoc" */
    SIGNED = 1 << 8, /* the first of the bits for signatures */
};
#define STRUCTURE (SIGNED - 1)
#define SIGNATURE_BITS 24
#define SECOND 32
#define MOST_HOST_BYTES 300

#define GAPS "\t\n\r\f" /* what an address and a style sheet leave out */
#define SLASHES "/\\" GAPS /* what browsers take for a slash, or leave out beside one */
#define NOT_IN_HOST "/\\?#\"'<>() @,;{}=[]^|"
#define DIGITS "0123456789abcdefABCDEF"

typedef const unsigned char *Bytes;

static uint64_t PAIRS[256];     /* without signatures */
static unsigned char ENDS[256]; /* what no host in a page holds */

static void prepare(void) {
    for (int byte = 0; byte < 256; byte++) PAIRS[byte] = (uint64_t)(USER | BACK) << SECOND;
    for (Bytes at = (Bytes)SLASHES; *at; at++) PAIRS[*at] |= (uint64_t)SLASH << SECOND;
    for (Bytes at = (Bytes) "#aTNsbc"; *at; at++) PAIRS[*at] |= (uint64_t)AMP << SECOND;
    for (Bytes at = (Bytes) "pPsS"; *at; at++) PAIRS[*at] |= (uint64_t)MARK << SECOND;
    PAIRS[':'] |= (uint64_t)COLON << SECOND;
    for (Bytes at = (Bytes) "aApPsS" GAPS; *at; at++) PAIRS[*at] |= COLON;
    PAIRS['/'] |= SLASH;
    PAIRS['@'] |= USER;
    PAIRS['\\'] |= BACK;
    PAIRS['&'] |= AMP;
    PAIRS['-'] |= MARK;
    PAIRS['<'] |= OPEN;
    PAIRS['c'] |= NESTED;
    PAIRS['C'] |= NESTED;
    PAIRS['d'] |= (uint64_t)NESTED << SECOND;
    PAIRS['D'] |= (uint64_t)NESTED << SECOND;
    for (Bytes at = (Bytes) "sSmM"; *at; at++) PAIRS[*at] |= (uint64_t)OPEN << SECOND;
    for (Bytes at = (Bytes) "/\\?#\"'<>() \f@,;{}="; *at; at++) ENDS[*at] = 1;
}

static int is_in(int byte, const char *set) {
    return byte && strchr(set, byte) != NULL;
}

static int is_letter(int byte) {
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

static int is_word(Bytes at, Bytes stop, const char *word) {
    for (; *word; word++, at++) {
        if (at >= stop || (*at | 0x20) != *word) return 0;
    }
    return 1;
}

/* One search. */
typedef struct {
    Bytes start, stop;
    PyObject *hosts, *found, *signed_at;
    Bytes drawing;                              /* the first one */
    Bytes after_slash, after_back, after_colon; /* where each kind is looked for again */
    Bytes last_user;                            /* the last "@" before a host that may be denied */
    int is_after_user;                          /* whether a user's name may stand before it */
} Search;

static int append(PyObject *list, const Search *search, Bytes at) {
    PyObject *place = PyLong_FromSsize_t(at - search->start);
    int failed = place == NULL || PyList_Append(list, place) < 0;
    Py_XDECREF(place);
    return failed ? -1 : 0;
}

static int add(Search *search, Bytes at) { return append(search->found, search, at); }

/* Whether the host that is written at a place may be denied; 1, 0, or -1 with an error. */
static int is_denied(Search *search, Bytes at, Bytes *after) {
    Bytes stop = search->stop;
    while (at < stop && is_in(*at, SLASHES)) at++;
    Bytes host = at;
    Bytes most = stop - at > MOST_HOST_BYTES ? at + MOST_HOST_BYTES : stop;
    while (at < most && !ENDS[*at]) at++;
    if (at < stop && *at == '\\' && !(at + 1 < stop && is_in(at[1], "/\\\"'"))) at++;
    *after = at;
    PyObject *name = PyBytes_FromStringAndSize((const char *)host, at - host);
    PyObject *answer = name ? PyObject_GetItem(search->hosts, name) : NULL;
    int is = answer ? PyObject_IsTrue(answer) : -1;
    Py_XDECREF(answer);
    Py_XDECREF(name);
    return is;
}

static int add_if_denied(Search *search, Bytes at, Bytes host, Bytes *after) {
    int is = is_denied(search, host, after);
    return is > 0 ? add(search, at) : is;
}

static Bytes over_gap(Bytes at, Bytes stop) {
    while (at < stop && is_in(*at, GAPS)) at++;
    return at;
}

/* The start of a page or style sheet inside an address. */
static int is_page(Bytes at, Bytes stop) {
    while (at < stop && is_in(*at, " " GAPS)) at++;
    return is_word(at, stop, "text/") || is_word(at, stop, "application/") ||
           is_word(at, stop, "image/svg");
}

/* The same in a way that has to be read as the browser does: cut by a gap, written by number, or
   without a type. */
static int is_cut_page(Bytes at, Bytes stop) {
    Bytes type = at;
    while (type < stop && *type == ' ') type++;
    if (type < stop && is_in(*type, ",;")) return 1;
    Bytes most = stop - at > 20 ? at + 20 : stop;
    while (at < most && (is_letter(*at) || is_in(*at, "/+.-"))) at++;
    if (at >= stop) return 0;
    if (is_in(*at, GAPS "\\")) return 1;
    if (*at != '&' || at + 1 >= stop) return 0;
    return at[1] == '#' || is_letter(at[1]);
}

/* What follows an odd scheme: a page, or a host that may be denied. */
static int is_reached(Search *search, Bytes at) {
    Bytes after;
    return is_page(at, search->stop) ? 1 : is_denied(search, at, &after);
}

/* The colon after a letter of a scheme that is written oddly; NULL: there is none. */
static Bytes colon_after(Bytes at, Bytes stop) {
    at = over_gap(at, stop);
    if (at < stop && is_in(*at, "aApPsS")) at = over_gap(at + 1, stop);
    return at < stop && *at == ':' ? at : NULL;
}

/* "\2f", "\00003a": a slash, a colon or an "@" in a style sheet. */
static int is_escaped_mark(Bytes at, Bytes stop) {
    at++;
    for (int zeros = 0; zeros < 4 && at < stop && *at == '0'; zeros++) at++;
    if (stop - at < 2) return 0;
    int second = at[1] | 0x20;
    return (at[0] == '2' && second == 'f') || (at[0] == '3' && second == 'a') ||
           (at[0] == '4' && at[1] == '0') || (at[0] == '5' && second == 'c');
}

/* Whether a host may begin with the escape at a place. */
static int begins_host(Bytes start, Bytes at, Bytes stop) {
    if (at == start || (at + 1 < stop && is_in(at[1], NOT_IN_HOST))) return 0;
    int before = at[-1];
    int first = at - start > 1 ? at[-2] : 0;
    if (before == '@') return 1;
    if (before == ':') return is_in(first, "pPsS \t\n\r\f;\\" DIGITS);
    if (is_in(before, "/\\")) return is_in(first, SLASHES ":");
    if (before == '\n' && first == '\r' && at - start > 2) return at[-3] == '\\';
    return is_in(before, "\n\r\f") && first == '\\';
}

/* The colon of a scheme that ends in an escape; NULL: there is none. */
static Bytes colon_after_escape(Bytes start, Bytes at, Bytes stop) {
    Bytes next = at + 1;
    if (next >= stop) return NULL;
    if (is_in(*next, DIGITS)) {
        Bytes most = stop - next > 6 ? next + 6 : stop;
        while (next < most && is_in(*next, DIGITS)) next++;
        if (stop - next > 1 && next[0] == '\r' && next[1] == '\n') next += 2;
        else if (next < stop && is_in(*next, " " GAPS)) next++;
    } else if (*next == ':') {
        if (at == start || !is_in(at[-1], "aApPsS " GAPS DIGITS)) return NULL;
    } else if (!is_in(*next, "\n\r\fpPsS")) {
        return NULL;
    }
    return colon_after(next, stop);
}

static int take_back(Search *search, Bytes at) {
    Bytes start = search->start, stop = search->stop;
    int before = at > start ? at[-1] : ' ';
    int is = 0;
    if (at >= search->after_back && at > start && (before <= ' ' || is_in(before, "=:/\"'(,;")) &&
        at + 1 < stop && is_in(at[1], SLASHES)) {
        is = is_denied(search, at + 2, &search->after_back);
    }
    if (!is) is = is_escaped_mark(at, stop) || begins_host(start, at, stop);
    if (!is) {
        Bytes colon = colon_after_escape(start, at, stop);
        is = colon ? is_reached(search, colon + 1) : 0;
    }
    return is > 0 ? add(search, at) : is;
}

static int take_colon(Search *search, Bytes at) {
    Bytes start = search->start, stop = search->stop;
    if (at < search->after_colon) return 0;
    int last = at[-1] | 0x20, is_gap = is_in(at[-1], GAPS);
    int before = at - start > 1 ? at[-2] : 0;
    int may_be_page = is_gap || (last == 'a' && is_in(before, "tT" GAPS));
    if ((is_gap || last == 'a') && is_page(at + 1, stop)) {
        search->after_colon = over_gap(at + 1, stop);
        return add(search, at);
    }
    if (may_be_page && is_cut_page(at + 1, stop)) return add(search, at);
    if (!is_gap && (last == 'a' || !is_in(before, "tTpPwWsS" GAPS))) return 0;
    if (stop - at > 2 && at[1] == '/' && at[2] == '/') return 0;
    return add_if_denied(search, at, at + 1, &search->after_colon);
}

static int is_number(Bytes digits, Bytes at, int is_hex) {
    static const char *const decimal[] = {"9", "10", "13", "47", "58", "92"};
    static const char *const hexadecimal[] = {"9", "a", "d", "2f", "3a", "5c"};
    for (int number = 0; number < 6; number++) {
        const char *sought = is_hex ? hexadecimal[number] : decimal[number];
        if (at - digits == (Py_ssize_t)strlen(sought) && is_word(digits, at, sought)) return 1;
    }
    return 0;
}

/* Whether a reference names what an address is made of; 2: what may stand before a host. */
static int is_name(Bytes at, Bytes stop, Bytes *after) {
    static const char *const names[] = {"Tab;", "NewLine;", "sol;", "bsol;", "colon;", "commat;"};
    for (int name = 0; name < 6; name++) {
        Py_ssize_t length = (Py_ssize_t)strlen(names[name]);
        if (stop - at < length || memcmp(at, names[name], (size_t)length) != 0) continue;
        *after = at + length;
        return name == 5 ? 2 : 1;
    }
    return 0;
}

/* What stands after the number of a reference that is a letter of a scheme, or before slashes. */
static int reaches_on(Search *search, Bytes at) {
    Bytes stop = search->stop;
    Bytes colon = colon_after(at, stop);
    if (colon) return is_reached(search, colon + 1);
    at = over_gap(at, stop);
    if (stop - at < 2 || *at != '\\' || !is_in(at[1], SLASHES)) return 0;
    return is_reached(search, at + 2);
}

/* A reference to what an address is made of, or one in its scheme, or before slashes or a host. */
static int is_reference(Search *search, Bytes at) {
    Bytes stop = search->stop;
    while (stop - at >= 4 && memcmp(at, "amp;", 4) == 0) at += 4;
    if (at >= stop) return 0;
    if (*at != '#') {
        Bytes after;
        int is = is_name(at, stop, &after);
        return is == 2 ? is_reached(search, after) : is;
    }
    at++;
    int is_hex = at < stop && (*at | 0x20) == 'x';
    at += is_hex;
    Bytes start = at;
    while (at < stop && *at == '0') at++;
    Bytes digits = at;
    while (at < stop && (is_hex ? is_in(*at, DIGITS) : *at >= '0' && *at <= '9')) at++;
    if (is_number(digits, at, is_hex)) return 1;
    int is_user = at - digits == 2 && memcmp(digits, is_hex ? "40" : "64", 2) == 0;
    if (!is_user) {
        while (at < stop && is_in(*at, DIGITS)) at++;
    }
    if (at == start) return 0;
    if (at < stop && *at == ';') at++;
    return is_user ? is_reached(search, at) : reaches_on(search, at);
}

static int take_reference(Search *search, Bytes at) {
    int is = is_reference(search, at + 1);
    return is > 0 ? add(search, at) : is;
}

/* The rest of data-purpose and data-service. */
static int is_mark(Bytes start, Bytes at, Bytes stop) {
    if (at - start < 2 || (at[-2] | 0x20) != 't' || (at[-1] | 0x20) != 'a') return 0;
    if (!is_word(at + 2, stop, "urpose") && !is_word(at + 2, stop, "ervice")) return 0;
    return at + 8 < stop && is_in(at[8], "\t\n\f\r /=>");
}

static int is_drawing(Bytes at, Bytes stop) {
    Bytes after = stop;
    if (is_word(at + 1, stop, "svg")) after = at + 4;
    if (is_word(at + 1, stop, "math")) after = at + 5;
    return after < stop && is_in(*after, "\t\n\f\r />");
}

/* A page in an attribute, whose "cd" begins at a place. */
static int is_nested(Bytes start, Bytes at, Bytes stop) {
    if (at - start < 2 || !is_word(at - 2, stop, "srcdoc")) return 0;
    return at + 4 < stop && is_in(at[4], "\t\n\f\r /=>");
}

/* A name that drawings and formulas are made with: it looks like an address, and is none. */
static int is_namespace(Bytes at, Bytes stop) {
    static const char host[] = "www.w3.org/";
    static const char *const names[] = {"2000/svg", "1999/xhtml", "1999/xlink", "1998/Math/MathML"};
    Py_ssize_t length = sizeof host - 1;
    if (stop - at <= length || memcmp(at, host, (size_t)length) != 0) return 0;
    at += length;
    for (int name = 0; name < 4; name++) {
        length = (Py_ssize_t)strlen(names[name]);
        if (stop - at <= length || memcmp(at, names[name], (size_t)length) != 0) continue;
        return is_in(at[length], "\"'%>&\\ ");
    }
    return 0;
}

/* Whether a slash follows another one, or a colon; line breaks between do not count. */
static int is_second(Bytes start, Bytes slash) {
    while (slash > start && is_in(slash[-1], GAPS)) slash--;
    return slash > start && is_in(slash[-1], "/\\:");
}

/* An "@" before a host that may be denied, if a user's name may stand before it: after two slashes
   or a scheme without any. "/icon@2x.png" has none; a backslash may be an escape in the name. */
static int take_user(Search *search, Bytes at) {
    Bytes after, start = search->last_user ? search->last_user : search->start;
    int is = is_denied(search, at + 1, &after);
    if (is <= 0) return is;
    int is_after = 0, is_stopped = 0;
    for (Bytes byte = at - 1; byte >= start && !is_stopped; byte--) {
        is_stopped = is_in(*byte, "/\\?#");
        if (*byte == '\\' || (*byte == '/' && is_second(search->start, byte))) is_after = 1;
        if (*byte == ':' && byte > start && is_in(byte[-1], "pPsS" GAPS)) is_after = 1;
    }
    if (!is_stopped && search->is_after_user) is_after = 1;
    search->last_user = at;
    search->is_after_user = is_after;
    return is_after ? add(search, at) : 0;
}

/* What begins with a pair of bytes whose second is at a place. */
static int take(Search *search, uint64_t kinds, Bytes second) {
    Bytes first = second - 1;
    if (kinds & COLON) return take_colon(search, second);
    if (kinds & SLASH) {
        if (first < search->after_slash || is_namespace(second + 1, search->stop)) return 0;
        return add_if_denied(search, first, second + 1, &search->after_slash);
    }
    if (kinds & BACK) return take_back(search, first);
    if (kinds & USER) return take_user(search, first);
    if (kinds & AMP) return take_reference(search, first);
    if (kinds & NESTED) {
        return is_nested(search->start, first, search->stop) ? add(search, first - 2) : 0;
    }
    if (kinds & OPEN) {
        if (!search->drawing && is_drawing(first, search->stop)) search->drawing = first;
        return 0;
    }
    return is_mark(search->start, first, search->stop) ? add(search, first) : 0;
}

typedef struct {
    Bytes text;
    Py_ssize_t length, pair; /* pair: where the two bytes are that it is looked for by */
} Signature;

/* Two bytes that few other words have: those before its last sign, else its first ones. */
static Py_ssize_t pair_of(Bytes text, Py_ssize_t length) {
    for (Py_ssize_t at = length - 1; at > 0; at--) {
        if (is_in(text[at], "(._/=[-")) return at - 1;
    }
    return 0;
}

/* Whether a signature stands where a pair of its ends at a place. */
static int is_signed(const Signature *signatures, int count, uint64_t kinds, Bytes start,
                       Bytes second, Bytes stop) {
    for (int number = 0; number < count; number++) {
        const Signature *one = &signatures[number];
        if (!(kinds & ((uint64_t)SIGNED << (number % SIGNATURE_BITS)))) continue;
        Bytes at = second - 1 - one->pair;
        if (second - 1 - start < one->pair || stop - at < one->length) continue;
        if (memcmp(at, one->text, (size_t)one->length) == 0) return 1;
    }
    return 0;
}

/* Enters the signatures into the table; 1 if one is too short for it, -1 with an error. */
static int enter(PyObject *given, Signature *signatures, int count, uint64_t *pairs) {
    for (int number = 0; number < count; number++) {
        PyObject *item = PyTuple_GetItem(given, number);
        char *text;
        Py_ssize_t length;
        if (item == NULL || PyBytes_AsStringAndSize(item, &text, &length) < 0) return -1;
        if (length < 2) return 1;
        Signature *one = &signatures[number];
        *one = (Signature){(Bytes)text, length, pair_of((Bytes)text, length)};
        uint64_t bit = (uint64_t)SIGNED << (number % SIGNATURE_BITS);
        pairs[one->text[one->pair]] |= bit;
        pairs[one->text[one->pair + 1]] |= bit << SECOND;
    }
    return 0;
}

/* What the pair that ends at a place, if any, is looked at for; 1, 0, or -1 with an error. */
#define KINDS(at) (pairs[(at)[-1]] & (pairs[*(at)] >> SECOND))

/* Walks over the data; -1 with an error. */
static int walk(Search *search, const uint64_t *pairs, const Signature *signatures, int count) {
    Bytes start = search->start, stop = search->stop;
    for (Bytes second = start + 1; second <= stop; second++) {
        while (stop - second >= 8) {
            uint64_t any = KINDS(second) | KINDS(second + 1) | KINDS(second + 2);
            any |= KINDS(second + 3) | KINDS(second + 4) | KINDS(second + 5);
            any |= KINDS(second + 6) | KINDS(second + 7);
            if (any) break;
            second += 8;
        }
        uint64_t kinds = KINDS(second);
        if (!kinds) continue;
        uint64_t structure = kinds & STRUCTURE;
        if (structure && take(search, structure, second) < 0) return -1;
        if (kinds <= STRUCTURE) continue;
        int is = is_signed(signatures, count, kinds, start, second, stop);
        if (is && append(search->signed_at, search, second) < 0) return -1;
    }
    return 0;
}

#define MOST_SIGNATURES 64

PyDoc_STRVAR(places_doc,
             "places(data, hosts, signatures, /)\n--\n\n"
             "The answer of html_places.places, and a place in each signature.");

static PyObject *places(PyObject *module, PyObject *arguments) {
    PyObject *data, *hosts, *given;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "SOO!:places", &data, &hosts, &PyTuple_Type, &given)) {
        return NULL;
    }
    char *start;
    Py_ssize_t length;
    if (PyBytes_AsStringAndSize(data, &start, &length) < 0) return NULL;
    Signature signatures[MOST_SIGNATURES];
    uint64_t pairs[256];
    memcpy(pairs, PAIRS, sizeof pairs);
    int is_over = PyTuple_Size(given) > MOST_SIGNATURES;
    int count = is_over ? 0 : (int)PyTuple_Size(given);
    int is_short = enter(given, signatures, count, pairs);
    if (is_short < 0) return NULL;
    Search search = {(Bytes)start, (Bytes)start + length, hosts, PyList_New(0), PyList_New(0),
                     NULL, (Bytes)start, (Bytes)start, (Bytes)start, NULL, 0};
    int is_made = search.found != NULL && search.signed_at != NULL;
    if (!is_made || walk(&search, pairs, signatures, is_short ? 0 : count) < 0) {
        Py_XDECREF(search.found);
        Py_XDECREF(search.signed_at);
        return NULL;
    }
    if (is_over || is_short) {
        Py_DECREF(search.signed_at);
        search.signed_at = Py_NewRef(Py_None);
    }
    Py_ssize_t drawing = search.drawing ? search.drawing - search.start : -1;
    return Py_BuildValue("(NNn)", search.found, search.signed_at, drawing);
}

static PyMethodDef methods[] = {
    {"places", places, METH_VARARGS, places_doc},
    {NULL, NULL, 0, NULL},
};

static int executed(PyObject *module) {
    (void)module;
    prepare();
    return 0;
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, (void *)executed}, {0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_search", NULL, 0, methods, slots, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__search(void) { return PyModuleDef_Init(&definition); }
