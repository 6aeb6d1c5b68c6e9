//! The codes of this crate and the paragraph behind each.

use bridge_diag::Explanation;

/// One paragraph for each code, for `ies-bridge explain`.
pub const EXPLANATIONS: &[Explanation] = &[
    Explanation {
        code: "scl::xml",
        text: "The file is not well-formed XML: a tag, a quote or the end is missing at the place shown, or an attribute is \
               given twice. Nothing is read from such a file, because what stands behind the fault cannot be trusted. Most \
               often the file was cut on its way or changed by hand.",
    },
    Explanation {
        code: "scl::doctype",
        text: "The file brings a document type definition. SCL has a schema and needs none; a definition can make a short file \
               unfold to any size, so a file with one is refused whole.",
    },
    Explanation {
        code: "scl::entity",
        text: "The file uses an entity that XML alone does not define, such as &eacute;. Write the character itself: the file \
               is UTF-8. Only &amp;, &lt;, &gt;, &quot;, &apos; and numbers such as &#233; are read.",
    },
    Explanation {
        code: "scl::not-scl",
        text: "The root element is not <SCL> in the namespace http://www.iec.ch/61850/2003/SCL. Station and device descriptions \
               (SCD, ICD, CID, IID, SSD) all have it; a project file of an engineering tool is none of them and must be \
               exported first.",
    },
    Explanation {
        code: "scl::too-large",
        text: "The file, one of its elements or one of its texts is beyond a limit of the reader. The limits carry the largest \
               station files known several times over, so this is a mistake of an export, or no station file at all. Nothing is \
               read from it.",
    },
    Explanation {
        code: "scl::too-deep",
        text: "Elements stand deeper inside each other than any lawful file has them. Nothing is read from such a file.",
    },
    Explanation {
        code: "scl::edition-unknown",
        text: "The root says a version of SCL that this reader does not know. It is read like the latest known one. What a \
               later edition added is counted aside and not understood: compare the point list with the device.",
    },
    Explanation {
        code: "scl::element-unknown",
        text: "An element in the namespace of SCL that SCL does not have at this place, most often mistyped. It is passed over, \
               with everything in it, and counted. Additions of a tool belong into a Private or a namespace of their own.",
    },
    Explanation {
        code: "scl::attribute-missing",
        text: "An element has not the attribute that names it or that says what it is. It cannot be referred to, and is left \
               out.",
    },
    Explanation {
        code: "scl::attribute-malformed",
        text: "An attribute's value is not what it must be: a number, true or false, a functional constraint. Where a default \
               exists it is used, and the device may behave otherwise.",
    },
    Explanation {
        code: "scl::name-malformed",
        text: "Names of data objects and attributes are letters and digits. A blank at the end, which tools leave now and then, \
               is cut off; with any other sign the name cannot be read from a device.",
    },
    Explanation {
        code: "scl::name-too-long",
        text: "A path inside a logical node is longer than 255 characters. References of IEC 61850 have at most 129 in all, so \
               what stands here cannot be read from any device and is left out.",
    },
    Explanation {
        code: "scl::name-reused",
        text: "Two things at one place have the same name, or two words of an enumeration the same number. A reference reaches \
               only one of them: the first one is used here, and another tool may use the second.",
    },
    Explanation {
        code: "scl::ied-template",
        text: "The device is called TEMPLATE: the file (an ICD) describes a type of device and not a device of a station. Its \
               references begin with TEMPLATE and do not exist on site. Take the station's SCD or the CID of the device.",
    },
    Explanation {
        code: "scl::lln0-missing",
        text: "Every logical device has a logical node LLN0, with its mode, its behaviour and most data sets and control \
               blocks. Without it the device cannot be what the file says.",
    },
    Explanation {
        code: "scl::ld-name-reused",
        text: "The name of a logical device in references is the device's name and the instance written together, or its \
               ldName. Two pairs make the same name here, and a client on the same server would reach only one.",
    },
    Explanation {
        code: "scl::type-unresolved",
        text: "A node, object or attribute names a type that the file does not have. What is below it is unknown and is left \
               out. Exports that strip unused types too eagerly do this: export again with all types.",
    },
    Explanation {
        code: "scl::type-class",
        text: "A logical node is of a type that is made for another class. The data of the type are taken, and the class of the \
               node is believed; proposals by class may be wrong.",
    },
    Explanation {
        code: "scl::type-cyclic",
        text: "A type contains itself, directly or through others. Data cannot: it would have no end. Nodes of such a type have \
               no data here.",
    },
    Explanation {
        code: "scl::type-too-deep",
        text: "Types stand deeper inside each other than a reader will follow. Data of IEC 61850 are about eight deep. Nodes of \
               such a type have no data here.",
    },
    Explanation {
        code: "scl::type-too-large",
        text: "A type would unfold to more attributes than a reader will hold: a structure that is used many times inside its \
               own parts, or an array of arrays. Nodes of such a type have no data here.",
    },
    Explanation {
        code: "scl::type-reused",
        text: "Two types have the same id. What refers to the id gets the first one; another tool may take the second. Merging \
               files of several vendors does this: rename one of them with all its references.",
    },
    Explanation {
        code: "scl::array-too-large",
        text: "An array has more elements than a reader will believe, or its count is no number and no name of an attribute. It \
               is read as a single element.",
    },
    Explanation {
        code: "scl::fc-unknown",
        text: "The functional constraint is not one of the standard's words, such as ST, MX, CF or CO. The attribute cannot be \
               read or written without it and is left out.",
    },
    Explanation {
        code: "scl::btype-unknown",
        text: "The basic type is not one of the standard's words, such as BOOLEAN, FLOAT32 or Enum; case matters. The \
               attribute's value could not be understood, and it is left out.",
    },
    Explanation {
        code: "scl::cdc-unknown",
        text: "The common data class is not in IEC 61850-7-3. Its attributes are read, but which of them is the value is not \
               known: bind it by hand.",
    },
    Explanation {
        code: "scl::cdc-without-value",
        text: "A type is of a class that says something (a state, a measured value) and has none of the attributes that say it. \
               No signal is proposed for it.",
    },
    Explanation {
        code: "scl::value-malformed",
        text: "A value does not fit the type of its attribute: a word that the enumeration does not have, a number out of \
               range. The device will refuse the configuration, or use a value of its own.",
    },
    Explanation {
        code: "scl::instance-unknown",
        text: "A logical node says something (DOI, SDI, DAI) of data that its type does not have. Most often the type was \
               changed later. What is said there, a telecontrol address too, belongs to nothing.",
    },
    Explanation {
        code: "scl::ctlmodel-missing",
        text: "An object can be commanded and the file does not say by which control model. A client has to ask the device when \
               it connects, and a profile with select = \"scl\" cannot be checked before.",
    },
    Explanation {
        code: "scl::ctlmodel-unknown",
        text: "The control model is none of the five: status-only, direct-with-normal-security, sbo-with-normal-security, \
               direct-with-enhanced-security, sbo-with-enhanced-security, or their numbers 0 to 4.",
    },
    Explanation {
        code: "scl::ctlmodel-without-oper",
        text: "The control model says that the object can be commanded, but its type has no Oper to command it with. No command \
               is proposed. Either the type is an abridged one, or the model should be status-only.",
    },
    Explanation {
        code: "scl::ctlmodel-without-select",
        text: "The control model asks for a select before an operate, but the type has not the attribute for it: SBO for normal \
               security, SBOw for enhanced. The device will refuse the select.",
    },
    Explanation {
        code: "scl::dataset-empty",
        text: "A data set has no members. Reports of it carry nothing, and whoever waits for its values waits in vain.",
    },
    Explanation {
        code: "scl::dataset-too-large",
        text: "A data set has more members than the device declares it can take (maxAttributes of ConfDataSet). The device \
               refuses such a configuration, or cuts the data set without a word.",
    },
    Explanation {
        code: "scl::dataset-unknown",
        text: "A control block names a data set that is not in the same logical node. It sends nothing.",
    },
    Explanation {
        code: "scl::fcda-dangling",
        text: "A member of a data set stands for a logical device, a node or data that the device does not have, or has under \
               another functional constraint. A device refuses the whole data set for one such member.",
    },
    Explanation {
        code: "scl::fcda-repeated",
        text: "A data set has the same member twice. It costs space in every report and says nothing more.",
    },
    Explanation {
        code: "scl::control-block-without-dataset",
        text: "A control block has no data set. It sends nothing until a client or an engineer gives it one. Reserve blocks for \
               dynamic data sets look like this; otherwise it was forgotten.",
    },
    Explanation {
        code: "scl::control-block-without-address",
        text: "A GOOSE or sampled value control block has no address in the Communication section, though its device has one. \
               Its messages have nowhere to go.",
    },
    Explanation {
        code: "scl::rcb-instances",
        text: "Instances of an indexed report control block are numbered with two digits, 01 to 99. The rest cannot be reached.",
    },
    Explanation {
        code: "scl::report-id-reused",
        text: "Two report control blocks of one device have the same report id. A report carries nothing else that says where \
               it comes from, so a client that subscribes to both cannot tell their reports apart.",
    },
    Explanation {
        code: "scl::rcb-without-trigger",
        text: "A report control block has no trigger: neither changes nor the clock make it report. A client that subscribes to \
               it gets an answer to a general interrogation at most.",
    },
    Explanation {
        code: "scl::rcb-without-period",
        text: "A report control block shall report by the clock, and its period is 0, which is never.",
    },
    Explanation {
        code: "scl::brcb-without-entry-id",
        text: "A buffered report control block does not send entry ids. Buffering is then in vain: after a lost connection a \
               client cannot say from where to go on, and loses or repeats what was buffered.",
    },
    Explanation {
        code: "scl::client-unknown",
        text: "A report control block is kept for a client that is not in the file. Nobody else may use that instance on some \
               devices.",
    },
    Explanation {
        code: "scl::service-limit",
        text: "A device has more data sets or control blocks than it declares it can take in its Services. It refuses the \
               configuration, or leaves some out.",
    },
    Explanation {
        code: "scl::setting-group",
        text: "The active setting group is 0 or above the number of groups. Groups are counted from 1.",
    },
    Explanation {
        code: "scl::extref-dangling",
        text: "An input of a device comes from data that the file does not have. Interlocking and protection that count on it \
               get nothing. After changes in the sending device inputs have to be bound again.",
    },
    Explanation {
        code: "scl::lnode-dangling",
        text: "The single line is linked to a logical node that is not in the file. Signals find their bay and their equipment \
               by these links.",
    },
    Explanation {
        code: "scl::terminal-dangling",
        text: "A terminal of equipment is at a connectivity node that is in no bay. The single line is broken there.",
    },
    Explanation {
        code: "scl::voltage-missing",
        text: "A voltage level does not say its nominal voltage. Limits and checks of voltages have nothing to go by.",
    },
    Explanation {
        code: "scl::voltage-malformed",
        text: "A nominal voltage is no positive number, or its multiplier is none of the standard's.",
    },
    Explanation {
        code: "scl::connected-unknown",
        text: "The Communication section connects a device or an access point that the file does not have. The address is not \
               used.",
    },
    Explanation {
        code: "scl::ip-reused",
        text: "Two access points of one network have the same IP address. One of them will answer for both.",
    },
    Explanation {
        code: "scl::address-malformed",
        text: "An address on IEC 60870-5-101 or -104 (a Private after IEC TS 61850-80-1) has no usable casdu (1 to 65535), ioa \
               (1 to 16777215) or ti (1 to 127). It is left out.",
    },
    Explanation {
        code: "scl::address-reused",
        text: "Two attributes of one device have the same common address and object address. On the wire they cannot be told \
               apart. The message names the first one.",
    },
    Explanation {
        code: "scl::address-direction",
        text: "An attribute that is read has the type of a command, or one that is commanded has a type of the monitoring \
               direction. A station will refuse it. Types 45 to 69 are commands.",
    },
    Explanation {
        code: "scl::more-problems",
        text: "The file has more problems than are listed. Most of them have few causes; mend those listed first and read \
               again.",
    },
    Explanation {
        code: "scl::not-all-checked",
        text: "The file is within the limits of the reader, but so large that checking it wholly would take too long. What was \
               not checked is read all the same.",
    },
];
