// For editors only: the constants that the composition makes of the vendored files.
declare const marked: any;
declare const DOMPurify: any;
declare const hljs: any;
