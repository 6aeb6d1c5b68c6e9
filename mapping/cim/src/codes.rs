//! The codes of this crate and the paragraph behind each.

use bridge_diag::Explanation;

/// One paragraph for each code, for `ies-bridge explain`.
pub const EXPLANATIONS: &[Explanation] = &[
    Explanation {
        code: "cim::nothing",
        text: "No document was found: the folder or archive has no file that ends in .xml, .rdf or .zip. Give the files of the \
               model, the archive they came in, or the folder with them.",
    },
    Explanation {
        code: "cim::file-unreadable",
        text: "A file of the model cannot be opened or read. Check the path, the permissions and, on a share, the connection.",
    },
    Explanation {
        code: "cim::path-outside",
        text: "An entry of an archive has a name that leads out of it (`..`, a leading slash, a drive), or a link in a folder leads \
               elsewhere. Such names are how an archive writes over files of the one who opens it; nothing is read from them.",
    },
    Explanation {
        code: "cim::too-many",
        text: "The model has more documents, objects, attributes or names than one reading may have, or an archive more entries. \
               The bounds are far above what the grid of a state needs; most often a wrong file was given.",
    },
    Explanation {
        code: "cim::too-large",
        text: "A document, one of its texts, or what an archive holds is larger than one reading may have. No attribute of a model \
               is a megabyte long; a model of more than two gigabytes should be split.",
    },
    Explanation {
        code: "cim::too-deep",
        text: "Elements or archives stand too deep inside each other. CIM/XML needs five levels, a package two. Nothing behind \
               such a place can be trusted.",
    },
    Explanation {
        code: "cim::zip-damaged",
        text: "The archive cannot be read, or what is unpacked from it does not match its checksum. Most often it was cut off \
               while it was copied. Copy or pack it again.",
    },
    Explanation {
        code: "cim::zip-method",
        text: "An entry of the archive is encrypted, or packed by a method other than deflate. CGMES packages use neither. Pack it \
               again without a password.",
    },
    Explanation {
        code: "cim::zip-bomb",
        text: "An entry grows to hundreds of times its packed size. Models reach about forty. The archive was made to exhaust the \
               one who opens it, and reading stops before it does.",
    },
    Explanation {
        code: "cim::xml",
        text: "The file is not well-formed XML, or ends in the middle: a tag is not closed, a quote is missing, text stands where \
               none may. Most often it was cut off or edited by hand. Only the first such fault is shown.",
    },
    Explanation {
        code: "cim::encoding",
        text: "The file is not in UTF-8, which IEC 61970-552 asks for. Names with accents would be read wrongly. Export it again, or \
               convert it with a tool that also changes the first line.",
    },
    Explanation {
        code: "cim::doctype",
        text: "The file has a document type definition. No model needs one, and it is how a small file becomes a large one or \
               reads other files; it is refused as a whole.",
    },
    Explanation {
        code: "cim::entity",
        text: "The text uses a named entity other than the five of XML (amp, lt, gt, quot, apos). Write the character itself, or its \
               number.",
    },
    Explanation {
        code: "cim::prefix-unbound",
        text: "A tag has a prefix that no xmlns declares, so its meaning is unknown. Most often a header was pasted from another \
               file without its namespaces.",
    },
    Explanation {
        code: "cim::not-rdf",
        text: "The file does not begin with <rdf:RDF>: it is no CIM/XML (IEC 61970-552). Perhaps it is an SCL file, a report, or a \
               web page that was saved in its place.",
    },
    Explanation {
        code: "cim::id-empty",
        text: "An object or a reference has an identifier without a single letter. It can stand for nothing.",
    },
    Explanation {
        code: "cim::header",
        text: "The header of the document has no identifier (rdf:about). Other documents refer to a model by it, and differences \
               name the model they change by it.",
    },
    Explanation {
        code: "cim::header-missing",
        text: "The document has no header (md:FullModel). It is read, but neither its profile nor what it depends on can be \
               checked, and no difference can be applied to it.",
    },
    Explanation { code: "cim::profile-missing", text: "The header names no profile. It is read as if it could hold anything." },
    Explanation {
        code: "cim::profile-version",
        text: "The header names a profile of one version of CGMES, the namespace of the classes is of another. Classes are read \
               by the namespace. One of the two was changed by hand, or by a converter that did half of its work.",
    },
    Explanation {
        code: "cim::version-mixed",
        text: "Documents of CIM16 and CIM17 were given together. Classes and attributes of the same name differ between them, so \
               they make no model. Give the documents of one export.",
    },
    Explanation {
        code: "cim::version-unknown",
        text: "The namespaces of the document are of no version that is read here: CIM16 (CGMES 2.4.15) and CIM17 (CGMES 3.0, \
               CIM100). Older and newer ones name the same things differently.",
    },
    Explanation {
        code: "cim::model-twice",
        text: "Two documents have the same identifier in their headers. Every object would be there twice. A folder often holds \
               the archive and what was unpacked from it.",
    },
    Explanation {
        code: "cim::model-loop",
        text: "The headers say that models depend on each other in a circle, so there is no order in which they could have been \
               made. They are read in the order given.",
    },
    Explanation {
        code: "cim::model-missing",
        text: "A header names a model that this one depends on, and it was not given. Boundary models are often left out; then \
               references to what they define lead nowhere, which is told where it happens.",
    },
    Explanation {
        code: "cim::difference-base",
        text: "A difference changes a model that was not given. Applied to anything else it would make a model that nobody has \
               checked. Give the model that its header names as superseded.",
    },
    Explanation {
        code: "cim::difference-mismatch",
        text: "A difference takes away or extends what the model does not have. It was made for another version of the model: \
               apply the differences between the two first, in the order they were made.",
    },
    Explanation {
        code: "cim::difference-unpaired",
        text: "A difference gives an attribute a new value without taking away the old one. IEC 61970-552 asks for both, so that \
               it can be checked. The new value is taken.",
    },
    Explanation {
        code: "cim::id-twice",
        text: "Two objects of one document have the same rdf:ID. What is said of one would be said of the other; a limit of one \
               breaker would become that of another.",
    },
    Explanation {
        code: "cim::class-mixed",
        text: "Two documents say of the same object that it is of two classes, neither of which is a kind of the other. They were \
               not exported from the same model.",
    },
    Explanation {
        code: "cim::class-unknown",
        text: "Objects are of a class that the version does not have in the profiles read here. They are kept with their \
               attributes and counted, but nothing is checked in them. Check the spelling if the class should be known.",
    },
    Explanation {
        code: "cim::attribute-unknown",
        text: "An object has an attribute that its class does not have in this version. It is kept, and nothing reads it. Most \
               often it came with another version, or stands at the wrong class.",
    },
    Explanation {
        code: "cim::attribute-twice",
        text: "An attribute of one object stands twice in one document, with two values. The first is taken, and that may be the \
               wrong one.",
    },
    Explanation {
        code: "cim::attribute-differs",
        text: "Two documents give the same attribute of one object different values. The one that is read first holds: equipment \
               before what depends on it. Export both from the same state of the model.",
    },
    Explanation {
        code: "cim::literal-unknown",
        text: "The value of an enumeration is not one of its literals in this version, such as a unit that the other version has. \
               What needs it behaves as if it were not given.",
    },
    Explanation {
        code: "cim::value-malformed",
        text: "A value is not of its attribute's type: a word where a number belongs, a decimal comma, a date that is none. It \
               counts as not given. Numbers, truths and whole numbers are errors, because limits and states are made of them.",
    },
    Explanation {
        code: "cim::value-not-finite",
        text: "A number is infinite or not a number. As a limit or a rating it would never be reached, or always; it counts as not \
               given.",
    },
    Explanation {
        code: "cim::reference-class",
        text: "A reference leads to an object of a class that does not belong there, such as a measurement at a region instead of \
               a piece of equipment. It is followed as it is written.",
    },
    Explanation {
        code: "cim::reference-dangling",
        text: "A reference leads to an object that no document defines. It counts as not given. Give the missing document, often \
               that of the boundary, or correct the identifier.",
    },
    Explanation {
        code: "cim::object-undefined",
        text: "A steady state, a topology or a set of results describes an object that no equipment model defines. The documents \
               belong to different models, or the equipment model was not given.",
    },
    Explanation {
        code: "cim::containment-loop",
        text: "An object is contained in something that it contains itself. Names by path end there, and no substation can be \
               found above it.",
    },
];
